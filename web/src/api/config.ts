import { useGet } from "./query";

/** The host in commands. Defaults to the page's host until the registry returns its own. */
export const useRegistryHost = () => useGet("/api/config").data?.registry_host ?? location.host;

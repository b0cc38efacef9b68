import { useGet } from "./query";

/** What stands before a repository's name in commands. Until the registry has
 * told it, that is where the page came from. */
export const useRegistryHost = () => useGet("/api/config").data?.registry_host ?? location.host;

import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { answer, api, onAnswer, type Schemas } from "../api/client";
import { asProblem } from "../api/problem";
import { queries, useGet } from "../api/query";
import { warn } from "../parts/Toast";
import { groupOf } from "./paths";

export type Me = Schemas["Me"];
export type Right = Schemas["RightWord"];

/** State of the session; `expired` if it ended while the page was open. */
type SessionState = "here" | "expired";
type Session = { me: Me; state: SessionState; endsAt: number | null };

const Context = createContext<Session | null>(null);

/** The signed-in account. */
export function useMe(): Me {
  return useSession().me;
}

export function useSession(): Session {
  const session = useContext(Context);
  if (!session) throw new Error("a page that needs a session stands outside of it");
  return session;
}

/** Returns whether the account has this right on a group or repository. */
export function may(me: Me, right: Right, name: string) {
  if (me.admin) return true;
  const group = groupOf(name);
  const onGroup = me.groups.find((it) => it.name === group);
  const onRepository = me.repositories.find((it) => it.name === name);
  return [onGroup, onRepository].some((it) => it?.rights.includes(right));
}

export const useAsked = () => useGet("/api/auth/me", undefined, { fresh: true });

/** Signs in; the response sets the cookie. @throws Problem */
export const signIn = (username: string, password: string) =>
  answer(api.POST("/api/auth/login", { body: { username, password } }));

/** Ends the session and clears all cached data. */
export async function signOut() {
  try {
    await answer(api.POST("/api/auth/logout", {}));
  } catch (error) {
    // On failure, do not suggest that the user is signed out.
    return warn(asProblem(error).message);
  }
  queries.clear();
  location.assign("/login");
}

/** Provides the session's state to its children. */
export function SessionProvider({ me, children }: { me: Me; children: ReactNode }) {
  const [state, setState] = useState<SessionState>("here");
  const [endsAt, setEndsAt] = useState(() => endOf(me));

  useEffect(() => {
    setState("here");
    setEndsAt(endOf(me));
  }, [me]);

  useEffect(() => {
    // Each request extends the session by its initial lifetime.
    const end = endOf(me);
    const lifetime = end && end - Date.now();
    return onAnswer((signedIn) => {
      setState(signedIn ? "here" : "expired");
      if (signedIn && lifetime) setEndsAt(Date.now() + lifetime);
    });
  }, [me]);

  return <Context.Provider value={{ me, state, endsAt }}>{children}</Context.Provider>;
}

const endOf = (me: Me) => (me.expires_at ? new Date(me.expires_at).getTime() : null);

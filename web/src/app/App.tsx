import { QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { queries } from "../api/query";
import { Loaded, Skeleton } from "../parts/Loaded";
import { Toasts } from "../parts/Toast";
import { Broken } from "./Broken";
import { to } from "./paths";
import { Shell } from "./Shell";
import { type Me, SessionProvider, useAsked } from "./session";

const SignIn = lazy(() => import("../pages/sign-in/SignIn"));
const FirstPassword = lazy(() => import("../pages/sign-in/FirstPassword"));
const Overview = lazy(() => import("../pages/overview/Overview"));
const Groups = lazy(() => import("../pages/groups/Groups"));
const Group = lazy(() => import("../pages/group/Group"));
const Repository = lazy(() => import("../pages/repository/Repository"));
const Image = lazy(() => import("../pages/image/Image"));
const Diff = lazy(() => import("../pages/diff/Diff"));
const Transfers = lazy(() => import("../pages/transfers/Transfers"));
const Storage = lazy(() => import("../pages/storage/Storage"));
const Users = lazy(() => import("../pages/users/Users"));
const Settings = lazy(() => import("../pages/settings/Settings"));
const Audit = lazy(() => import("../pages/audit/Audit"));
const Missing = lazy(() => import("../pages/missing/Missing"));

export function App() {
  return (
    <QueryClientProvider client={queries}>
      <Broken>
        <Suspense fallback={<Skeleton lines={3} />}>
          <Switch>
            <Route path={to.login}>
              <SignIn />
            </Route>
            <Route>
              <SignedIn />
            </Route>
          </Switch>
        </Suspense>
      </Broken>
      <Toasts />
    </QueryClientProvider>
  );
}

function SignedIn() {
  const asked = useAsked();
  const [at] = useLocation();
  if (asked.error?.status === 401 && !asked.data) {
    const next = at + location.search;
    return (
      <Redirect to={next === "/" ? to.login : `${to.login}?${new URLSearchParams({ next })}`} />
    );
  }
  return (
    <Loaded query={asked} lines={3}>
      {(me) => (me.must_change_password ? <FirstPassword me={me} /> : <Within me={me} />)}
    </Loaded>
  );
}

function Within({ me }: { me: Me }) {
  const [at] = useLocation();
  return (
    <SessionProvider me={me}>
      <Shell>
        {/* An error on one page must not hide the others. */}
        <Broken key={at}>
          <Suspense fallback={<Skeleton lines={4} />}>
            <Pages me={me} />
          </Suspense>
        </Broken>
      </Shell>
    </SessionProvider>
  );
}

/** `-` cannot be a component of a repository name, so the path after it is ours. */
const PATHS = {
  tag: /^\/r\/(?<repo>.+?)\/-\/t\/(?<tag>[^/]+)$/,
  digest: /^\/r\/(?<repo>.+?)\/-\/d\/(?<digest>[^/]+)$/,
  diff: /^\/r\/(?<repo>.+?)\/-\/diff$/,
  repository: /^\/r\/(?<repo>(?:(?!\/-\/).)+)$/,
};

function Pages({ me }: { me: Me }) {
  return (
    <Switch>
      <Route path={to.overview} component={Overview} />
      <Route path={to.groups} component={Groups} />
      <Route path="/g/:group">{({ group }) => <Group key={group} group={group} />}</Route>
      <Route path={PATHS.tag}>
        {({ repo = "", tag = "" }) => <Image key={repo + tag} repo={repo} reference={tag} />}
      </Route>
      <Route path={PATHS.digest}>
        {({ repo = "", digest = "" }) => (
          <Image key={repo + digest} repo={repo} reference={digest} />
        )}
      </Route>
      <Route path={PATHS.diff}>{({ repo = "" }) => <Diff key={repo} repo={repo} />}</Route>
      <Route path={PATHS.repository}>
        {({ repo = "" }) => <Repository key={repo} repo={repo} />}
      </Route>
      <Route path={to.transfers} component={Transfers} />
      <Route path={to.storage} component={Storage} />
      <Route path={to.settings} component={Settings} />
      {me.admin && <Route path={to.users} component={Users} />}
      {me.admin && <Route path={to.audit} component={Audit} />}
      <Route component={Missing} />
    </Switch>
  );
}

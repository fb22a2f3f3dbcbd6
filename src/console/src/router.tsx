import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { asProblem } from "./api/problem";
import type { AuditFilter, JobState } from "./api/queries";
import { Loading } from "./parts/await";
import { Frame } from "./shell/frame";
import { Broken, NotFound } from "./shell/lost";
import { claimState, me, safeNext } from "./shell/session";

const root = createRootRouteWithContext<{ queries: QueryClient }>()({
  component: Outlet,
  notFoundComponent: NotFound,
  errorComponent: Broken,
});

const claim = createRoute({
  getParentRoute: () => root,
  path: "/claim",
  beforeLoad: async ({ context }) => {
    const state = await context.queries.fetchQuery({ ...claimState, staleTime: 0 });
    if (state.claimed) throw redirect({ to: "/sign-in" });
  },
  component: lazyRouteComponent(() => import("./pages/claim/claim"), "ClaimPage"),
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search): { next?: string; ended?: boolean } => {
    const next = safeNext(search.next);
    return { ...(next ? { next } : {}), ...(search.ended === true ? { ended: true } : {}) };
  },
  beforeLoad: async ({ context, search }) => {
    const state = await context.queries.ensureQueryData(claimState);
    if (!state.claimed) throw redirect({ to: "/claim" });
    if (search.ended) return;
    if (await context.queries.fetchQuery(me)) throw redirect({ href: search.next ?? "/" });
  },
  component: lazyRouteComponent(() => import("./pages/sign-in/sign-in"), "SignInPage"),
});

/** Everything behind the door. */
const inside = createRoute({
  getParentRoute: () => root,
  id: "in",
  beforeLoad: async ({ context, location }) => {
    if (await context.queries.ensureQueryData(me)) return;
    const state = await context.queries.ensureQueryData(claimState);
    if (!state.claimed) throw redirect({ to: "/claim" });
    throw redirect({ to: "/sign-in", search: location.href === "/" ? {} : { next: location.href } });
  },
  component: Frame,
});

const page = <Path extends string>(path: Path) => ({ getParentRoute: () => inside, path });
const word = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" ? String(value) : undefined;

const tree = root.addChildren([
  claim,
  signIn,
  inside.addChildren([
    createRoute({
      ...page("/"),
      component: lazyRouteComponent(() => import("./pages/overview/overview"), "OverviewPage"),
    }),
    createRoute({
      ...page("/releases"),
      component: lazyRouteComponent(() => import("./pages/releases/releases"), "ReleasesPage"),
    }),
    createRoute({
      ...page("/releases/upgrade"),
      validateSearch: (search): { upload?: string } => {
        const upload = word(search.upload);
        return upload ? { upload } : {};
      },
      component: lazyRouteComponent(() => import("./pages/upgrade/upgrade"), "UpgradePage"),
    }),
    createRoute({
      ...page("/releases/upgrade/$transaction"),
      component: lazyRouteComponent(() => import("./pages/upgrade/transaction"), "TransactionPage"),
    }),
    createRoute({
      ...page("/jobs"),
      validateSearch: (search): { state?: JobState } => {
        const state = word(search.state);
        return state ? { state: state as JobState } : {};
      },
      component: lazyRouteComponent(() => import("./pages/jobs/jobs"), "JobsPage"),
    }),
    createRoute({
      ...page("/jobs/$jobId"),
      component: lazyRouteComponent(() => import("./pages/jobs/job"), "JobPage"),
    }),
    createRoute({
      ...page("/tokens"),
      component: lazyRouteComponent(() => import("./pages/tokens/tokens"), "TokensPage"),
    }),
    createRoute({
      ...page("/audit"),
      validateSearch: (search): AuditFilter => {
        const filter: AuditFilter = {};
        for (const key of ["operation", "outcome", "caller"] as const) {
          const value = word(search[key]);
          if (value) filter[key] = value;
        }
        return filter;
      },
      component: lazyRouteComponent(() => import("./pages/audit/audit"), "AuditPage"),
    }),
    createRoute({
      ...page("/docs"),
      validateSearch: (search): { search?: string } => {
        const words = word(search.search);
        return words ? { search: words } : {};
      },
      component: lazyRouteComponent(() => import("./pages/docs/docs"), "DocsPage"),
    }),
    createRoute({
      ...page("/docs/$page"),
      component: lazyRouteComponent(() => import("./pages/docs/page"), "DocPage"),
    }),
  ]),
]);

export const makeRouter = (queries: QueryClient) =>
  createRouter({
    routeTree: tree,
    context: { queries },
    defaultPreload: "intent",
    defaultPendingComponent: () => <Loading />,
    defaultErrorComponent: Broken,
    scrollRestoration: true,
  });

export type Router = ReturnType<typeof makeRouter>;

declare module "@tanstack/react-router" {
  interface Register {
    router: Router;
  }
}

/** Whether an error means that the session is over, so that only signing in again helps. */
export const sessionOver = (error: unknown): boolean => {
  const problem = asProblem(error);
  return problem.status === 401 && problem.code === "not_signed_in";
};

// Who is signed in, and whether the appliance has its first admin: what the router asks before it shows a page.

import { queryOptions } from "@tanstack/react-query";
import { body, client } from "../api/client";
import { asProblem } from "../api/problem";

export const claimState = queryOptions({
  queryKey: ["auth", "state"],
  queryFn: () => body(client.GET("/api/v1/auth/state")),
  staleTime: Number.POSITIVE_INFINITY,
});

export const me = queryOptions({
  queryKey: ["auth", "me"],
  queryFn: async () => {
    try {
      return await body(client.GET("/api/v1/auth/me"));
    } catch (error) {
      if (asProblem(error).status === 401) return null;
      throw error;
    }
  },
  staleTime: Number.POSITIVE_INFINITY,
});

const ROLES = ["viewer", "developer", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** Roles include those below them. A role this console does not know may nothing here; the API decides anyway. */
export function may(role: string | undefined, needed: Role): boolean {
  return ROLES.indexOf(role as Role) >= ROLES.indexOf(needed);
}

/** The roles that somebody of `role` may give away. */
export function rolesUpTo(role: string | undefined): Role[] {
  return ROLES.slice(0, ROLES.indexOf(role as Role) + 1);
}

/** Only a path of this console may be the place to go after signing in. */
export function safeNext(next: unknown): string | undefined {
  return typeof next === "string" && /^\/(?![/\\])/.test(next) && !next.startsWith("/sign-in") ? next : undefined;
}

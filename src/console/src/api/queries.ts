// Every question the console asks. The first word of a key is what events make stale (live/decision.ts).

import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { body, client } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Status = Schemas["att__diagnostics__schema__Status"];
export type Transaction = Schemas["Transaction"];
export type Plan = Schemas["Plan"];
export type Release = Schemas["Release"];
export type Token = Schemas["Token"];
export type TokenCreated = Schemas["TokenCreated"];
export type Job = Schemas["Job"];
export type JobState = Job["state"];
export type AuditRecord = Schemas["AuditRecord"];

export type DocsLine = Schemas["DocsLine"];

export const tokens = (all: boolean) =>
  queryOptions({
    queryKey: ["tokens", { all }],
    queryFn: () => body(client.GET("/api/v1/tokens", { params: { query: { all } } })),
    placeholderData: keepPreviousData,
  });

export const jobs = (filter: { state?: JobState }) =>
  infiniteQueryOptions({
    queryKey: ["jobs", "list", filter],
    queryFn: ({ pageParam }) =>
      body(
        client.GET("/api/v1/jobs", {
          params: { query: { ...filter, limit: 50, ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
  });

export const job = (id: string) =>
  queryOptions({
    queryKey: ["jobs", "one", id],
    queryFn: () => body(client.GET("/api/v1/jobs/{job_id}", { params: { path: { job_id: id } } })),
  });

export interface AuditFilter {
  operation?: string;
  outcome?: string;
  caller?: string;
}

export const audit = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam }) =>
      body(
        client.GET("/api/v1/audit", {
          params: { query: { ...filter, limit: 50, ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
  });

export const status = queryOptions({
  queryKey: ["status"],
  queryFn: () => body(client.GET("/api/v1/status")),
});

/** The guide: its pages, one of them with its text, or the lines that hold some words. */
export const docs = (query: { page?: string; search?: string }) =>
  queryOptions({
    queryKey: ["docs", query],
    queryFn: () => body(client.GET("/api/v1/docs", { params: { query } })),
  });

export const releases = queryOptions({
  queryKey: ["releases"],
  queryFn: () => body(client.GET("/api/v1/releases")),
});

export const history = (limit: number) =>
  queryOptions({
    queryKey: ["upgrade", "history", limit],
    queryFn: () => body(client.GET("/api/v1/upgrade/history", { params: { query: { limit } } })),
  });

/** One transaction of the upgrade engine, by its id or `newest`. */
export const transaction = (id: string) =>
  queryOptions({
    queryKey: ["upgrade", "one", id],
    queryFn: () => body(client.GET("/api/v1/upgrade/{transaction}", { params: { path: { transaction: id } } })),
  });

export const plan = (upload: string) =>
  queryOptions({
    queryKey: ["plan", upload],
    queryFn: () => body(client.POST("/api/v1/upgrade/plan", { body: { upload, force: false } })),
    staleTime: 60_000,
    gcTime: 0,
  });

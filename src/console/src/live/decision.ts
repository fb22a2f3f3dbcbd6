// What the live connection does next. Pure: values in, values out, no socket, no clock.

export type Link = "connecting" | "live" | "waiting" | "off";

const DELAY_FIRST_MS = 500;
const DELAY_MAX_MS = 15_000;

/** How long to wait before attempt `failures + 1`; `chance` in [0, 1) spreads many pages after one restart. */
export function reconnectDelay(failures: number, chance: number): number {
  const full = Math.min(DELAY_MAX_MS, DELAY_FIRST_MS * 2 ** Math.min(failures, 10));
  return Math.round(full * (0.5 + chance / 2));
}

/** How often a page asks by itself: seldom while events arrive, often while they do not. */
export function pollInterval(link: Link, live: number | false, alone: number): number | false {
  return link === "live" ? live : alone;
}

export interface LiveEvent {
  cursor?: string | undefined;
  type: string;
  payload: Record<string, unknown>;
}

/** Read one frame, a batch of events; empty for what is none (something newer than this console). */
export function readEvents(frame: unknown): LiveEvent[] {
  if (typeof frame !== "string") return [];
  try {
    const { events } = JSON.parse(frame) as { events?: unknown };
    return Array.isArray(events) ? events.flatMap(readEvent) : [];
  } catch {
    return [];
  }
}

function readEvent(value: unknown): LiveEvent[] {
  if (typeof value !== "object" || value === null) return [];
  const { event_type: type, cursor, payload } = value as Record<string, unknown>;
  if (typeof type !== "string") return [];
  return [
    {
      type,
      cursor: typeof cursor === "string" ? cursor : undefined,
      payload: typeof payload === "object" && payload !== null ? (payload as Record<string, unknown>) : {},
    },
  ];
}

const REFUSED = 4401;
const POLICY = 1008;
const RESTART = 1012;

/** What the code of a closed connection means: nobody is signed in, the cursor is no good, or it was cut. */
export function closing(code: number): "signed-out" | "forget-cursor" | "restart" | "lost" {
  if (code === REFUSED) return "signed-out";
  if (code === POLICY) return "forget-cursor";
  return code === RESTART ? "restart" : "lost";
}

const STALE: Readonly<Record<string, readonly string[]>> = {
  job: ["jobs", "upgrade", "releases", "status", "audit"],
  upgrade: ["upgrade", "releases", "status"],
  token: ["tokens", "audit"],
  auth: ["audit"],
  disk: ["status"],
};

/** The first words of the query keys that an event makes stale; "all" after a gap, when anything may have changed. */
export function staleKeys(type: string): readonly string[] | "all" {
  if (type === "gap") return "all";
  if (type === "job.progress") return ["jobs", "upgrade"];
  return STALE[type.split(".", 1)[0] ?? ""] ?? [];
}

// Puts the appliance's units in rows as people think of them: one service with its socket or timer.

import type { Tone } from "../../parts/state";

export interface Unit {
  name: string;
  active: string;
  sub: string;
  load: string;
}

export interface ServiceRow {
  name: string;
  service: Unit | undefined;
  /** What starts it: a socket, or a timer. */
  starter: Unit | undefined;
}

export function serviceRows(units: readonly Unit[]): ServiceRow[] {
  const rows = new Map<string, ServiceRow>();
  for (const unit of units) {
    const dot = unit.name.lastIndexOf(".");
    const name = unit.name.slice(0, dot);
    const row = rows.get(name) ?? { name, service: undefined, starter: undefined };
    if (unit.name.slice(dot + 1) === "service") row.service = unit;
    else row.starter = unit;
    rows.set(name, row);
  }
  return [...rows.values()];
}

/** The word for a unit. One that rests behind its socket or timer, or has done its work once, is well. */
export function unitState(unit: Unit, hasStarter: boolean): { word: string; tone: Tone } {
  if (unit.load === "masked") return { word: "masked", tone: "warn" };
  if (unit.active === "failed") return { word: "failed", tone: "bad" };
  if (unit.active === "active") {
    const word =
      unit.sub === "listening" || unit.sub === "waiting" ? unit.sub : unit.sub === "exited" ? "done" : "running";
    return { word, tone: "ok" };
  }
  if (unit.active === "inactive") return { word: hasStarter ? "idle" : "stopped", tone: "still" };
  return { word: unit.active, tone: "run" };
}

import type { ReactNode } from "react";
import { Mark } from "./mark";

/** The frame of the two pages in front of the door: claim and sign in. */
export function Door({ title, note, children }: { title: string; note?: ReactNode; children: ReactNode }) {
  return (
    <main id="main" className="mx-auto flex min-h-dvh w-full max-w-sm flex-col justify-center gap-5 px-4 py-10">
      <Mark />
      <div className="rounded-lg border border-line bg-panel p-5">
        <h1 className="text-lg font-semibold">{title}</h1>
        {note ? <div className="mt-1 text-muted">{note}</div> : null}
        <div className="mt-4">{children}</div>
      </div>
      <p className="text-xs text-muted">
        This appliance is also reachable over SSH: <span className="mono">attctl status</span> works even when this page
        does not.
      </p>
    </main>
  );
}

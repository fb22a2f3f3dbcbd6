import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { asProblem } from "../api/problem";
import { Note, ProblemNote } from "./note";

/** Grey bars in the shape of what is coming; shown only after a moment, since most answers are quicker. */
export function Loading({ lines = 4, label = "Loading" }: { lines?: number; label?: string }) {
  return (
    <div role="status" className="flex flex-col gap-2.5 p-4">
      <span className="sr-only">{label}</span>
      {Array.from({ length: lines }, (_, line) => (
        <div
          // biome-ignore lint/suspicious/noArrayIndexKey: bars have no identity
          key={line}
          aria-hidden="true"
          className={`h-3.5 animate-run rounded-sm bg-hover ${["w-3/4", "w-1/2", "w-2/3", "w-2/5"][line % 4]}`}
        />
      ))}
    </div>
  );
}

/** What stands where nothing is yet: says so, and what to do. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="px-4 py-8 text-center">
      <p className="font-medium">{title}</p>
      {children ? <div className="mx-auto mt-1 max-w-prose text-muted">{children}</div> : null}
    </div>
  );
}

/** In a checkout without a machine: nothing is broken, there is just nothing to see. */
export function ApplianceOnly() {
  return (
    <Empty title="Only on an appliance">
      Here ATT runs without a machine of its own. <code className="mono">make up</code> boots one with releases to
      upgrade and roll back.
    </Empty>
  );
}

/** A query's three answers in one place. Data that was read once stays while the appliance is away. */
export function Await<Data>({
  query,
  lines,
  children,
}: {
  query: UseQueryResult<Data, Error>;
  lines?: number;
  children: (data: Data) => ReactNode;
}) {
  if (query.data !== undefined) {
    const problem = query.isError ? asProblem(query.error) : undefined;
    return (
      <>
        {problem && !problem.passing ? (
          <div className="p-3">
            <Note tone="warn" title="Could not refresh">
              {problem.message}
            </Note>
          </div>
        ) : null}
        {children(query.data)}
      </>
    );
  }
  if (query.isError && asProblem(query.error).code === "appliance_only") return <ApplianceOnly />;
  if (query.isError) {
    return (
      <div className="p-3">
        <ProblemNote error={query.error} retry={() => query.refetch()} />
      </div>
    );
  }
  return <Loading {...(lines === undefined ? {} : { lines })} />;
}

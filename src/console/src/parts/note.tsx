import type { ReactNode } from "react";
import { asProblem } from "../api/problem";
import { Button } from "./button";
import { Sign, type Tone, toneSoft } from "./state";

const EDGE: Record<Tone, string> = {
  ok: "border-l-ok",
  warn: "border-l-warn",
  bad: "border-l-bad",
  run: "border-l-accent",
  still: "border-l-edge",
};

/** A message in the flow of the page. `alert` makes screen readers say it at once. */
export function Note({
  tone,
  title,
  children,
  act,
  alert = false,
}: {
  tone: Tone;
  title: ReactNode;
  children?: ReactNode;
  act?: ReactNode;
  alert?: boolean;
}) {
  return (
    <div
      role={alert ? "alert" : undefined}
      className={`flex flex-wrap items-start gap-x-3 gap-y-2 rounded-md border-l-3 px-3 py-2.5 ${toneSoft(tone)} ${EDGE[tone]}`}
    >
      <Sign tone={tone} className="mt-1" />
      <div className="min-w-0 flex-1 basis-60">
        <p className="font-medium wrap-anywhere">{title}</p>
        {children ? <div className="mt-0.5 text-ink wrap-anywhere">{children}</div> : null}
      </div>
      {act ? <div className="flex gap-2">{act}</div> : null}
    </div>
  );
}

/** An error as the API told it: what, what helps, and the id under which the logs have it. */
export function ProblemNote({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const problem = asProblem(error);
  const tone: Tone = problem.code === "appliance_only" ? "still" : problem.passing ? "warn" : "bad";
  return (
    <Note
      alert
      tone={tone}
      title={problem.message}
      act={
        retry ? (
          <Button size="sm" onClick={retry}>
            Try again
          </Button>
        ) : null
      }
    >
      {problem.hint ? <p>{hintText(problem.hint)}</p> : null}
      <p className="mt-1 text-xs text-muted">
        <span className="mono">{problem.code}</span>
        {problem.requestId ? (
          <>
            {" · request "}
            <span className="mono select-all">{problem.requestId}</span>
          </>
        ) : null}
      </p>
    </Note>
  );
}

/** A hint's `commands` stand in the mono face. */
export function hintText(hint: string): ReactNode {
  const sentence = hint.charAt(0).toUpperCase() + hint.slice(1);
  return sentence.split(/`([^`]+)`/).map((part, index) =>
    index % 2 === 1 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of one sentence never move
      <code key={index} className="mono">
        {part}
      </code>
    ) : (
      part
    ),
  );
}

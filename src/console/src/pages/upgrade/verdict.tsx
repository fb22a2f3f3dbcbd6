import type { ReactNode } from "react";
import type { Transaction } from "../../api/queries";
import { Button } from "../../parts/button";
import { hintText } from "../../parts/note";
import { Sign, toneSoft } from "../../parts/state";
import { type Course, type Ending, endingTone } from "./course";

const CLASSES: Record<string, string> = {
  deploy_failure: "It could not be put in place",
  watchdog_failure: "It did not come up in time",
  health_failure: "It came up but was not healthy",
  interrupted: "It was interrupted",
};
/** Failures that are not the release's own fault: its version may simply be tried again. */
const NOT_ITS_FAULT = ["operator", "interrupted"];

function headline({ kind, source, target }: Transaction, course: Course, ending: Ending): string {
  switch (ending) {
    case "committed":
      if (kind === "repair") return `${target} is in order`;
      return kind === "upgrade" ? `${target} is running and kept` : `${target} is running again`;
    case "rolled_back":
      if (course.direct) return `${source} is running again`;
      return kind === "upgrade" ? `${target} did not prove itself: back on ${source}` : `Still on ${source}`;
    case "failed_safe":
      return "Stopped in a safe state: neither release is healthy";
    case "refused":
      return target ? `${target} was refused` : "The bundle was refused";
  }
}

function meaning(transaction: Transaction, course: Course, ending: Ending): ReactNode {
  const { kind, source, schema_class: data } = transaction;
  switch (ending) {
    case "committed":
      return kind === "upgrade"
        ? `It passed its probation. ${source} stays installed, so that you can go back to it.`
        : "It answers and is healthy.";
    case "rolled_back": {
      if (course.direct) return "It answers and is healthy.";
      const runs =
        data === "breaking"
          ? `${source} runs again with its data as it was before.`
          : `${source} runs again, with everything that was written meanwhile.`;
      return kind !== "upgrade" || NOT_ITS_FAULT.includes(transaction.failure?.class ?? "")
        ? runs
        : `${runs} This version is refused from now on, unless somebody forces it.`;
    }
    case "failed_safe":
      return hintText("nothing is tried again by itself. On the appliance run `attctl rollback` or `attctl repair`.");
    case "refused":
      return "Nothing was changed.";
  }
}

/** How it ended, why, and what that means. */
export function Verdict({ transaction, course, ending }: { transaction: Transaction; course: Course; ending: Ending }) {
  const tone = endingTone(ending, course);
  const { failure } = transaction;
  return (
    <div
      role="alert"
      data-verdict={ending}
      className={`flex flex-wrap items-start gap-3 rounded-lg px-4 py-3.5 ${toneSoft(tone)}`}
    >
      <Sign tone={tone} className="mt-1 size-4!" />
      <div className="min-w-0 flex-1 basis-72">
        <p className="text-lg font-semibold wrap-anywhere">{headline(transaction, course, ending)}</p>
        {failure && ending !== "committed" ? (
          <>
            <p className="mt-1 wrap-anywhere" data-reason>
              {CLASSES[failure.class] ? `${CLASSES[failure.class]}: ` : ""}
              {failure.detail} <span className="mono text-sm text-muted">{failure.code}</span>
            </p>
            {failure.hint ? <p className="mt-1">{hintText(failure.hint)}</p> : null}
          </>
        ) : null}
        <p className="mt-1">{meaning(transaction, course, ending)}</p>
      </div>
      {ending === "committed" && transaction.kind !== "repair" ? (
        <Button onClick={() => window.location.reload()}>Reload with its console</Button>
      ) : null}
    </div>
  );
}

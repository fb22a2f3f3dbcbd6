import type { ReactNode } from "react";
import type { Transaction } from "../../api/queries";
import { Button } from "../../parts/button";
import { hintText } from "../../parts/note";
import { Sign, toneSoft } from "../../parts/state";
import { ENDING_TONES, type Ending } from "./course";

const CLASSES: Record<string, string> = {
  deploy_failure: "It could not be put in place",
  watchdog_failure: "It did not come up in time",
  health_failure: "It came up but was not healthy",
};

function headline({ kind, source, target }: Transaction, ending: Ending): string {
  switch (ending) {
    case "committed":
      return kind === "upgrade" ? `${target} is running and kept` : `${target} is running again`;
    case "rolled-back":
      return kind === "upgrade" ? `${target} did not prove itself: back on ${source}` : `Still on ${source}`;
    case "failed-safe":
      return "Stopped in a safe state: neither release is healthy";
    case "refused":
      return target ? `${target} was refused` : "The bundle was refused";
  }
}

function meaning({ kind, source, schema_class: data }: Transaction, ending: Ending): ReactNode {
  switch (ending) {
    case "committed":
      return kind === "upgrade"
        ? `It passed its probation. ${source} stays installed, so that you can go back to it.`
        : "The former release answers and is healthy.";
    case "rolled-back":
      return data === "breaking"
        ? `${source} runs again with its data as it was before. This version is refused from now on, unless somebody forces it.`
        : `${source} runs again, with everything that was written meanwhile. This version is refused from now on, unless somebody forces it.`;
    case "failed-safe":
      return hintText("nothing is tried again by itself. On the appliance run `attctl rollback` or `attctl repair`.");
    case "refused":
      return "Nothing was changed.";
  }
}

/** How it ended, why, and what that means. */
export function Verdict({ transaction, ending }: { transaction: Transaction; ending: Ending }) {
  const tone = ENDING_TONES[ending];
  const failure = transaction.failure;
  return (
    <div
      role="alert"
      data-verdict={ending}
      className={`flex flex-wrap items-start gap-3 rounded-lg px-4 py-3.5 ${toneSoft(tone)}`}
    >
      <Sign tone={tone} className="mt-1 size-4!" />
      <div className="min-w-0 flex-1 basis-72">
        <p className="text-lg font-semibold wrap-anywhere">{headline(transaction, ending)}</p>
        {failure ? (
          <p className="mt-1 wrap-anywhere">
            {CLASSES[failure.class] ? `${CLASSES[failure.class]}: ` : ""}
            {failure.detail} <span className="mono text-sm text-muted">{failure.code}</span>
          </p>
        ) : null}
        {failure?.hint ? <p className="mt-1">{hintText(failure.hint)}</p> : null}
        <p className="mt-1">{meaning(transaction, ending)}</p>
      </div>
      {ending === "committed" ? (
        <Button onClick={() => window.location.reload()}>Reload with its console</Button>
      ) : null}
    </div>
  );
}

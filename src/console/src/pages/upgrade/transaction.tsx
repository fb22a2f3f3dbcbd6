import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { asProblem } from "../../api/problem";
import { type Transaction, transaction as transactionQuery } from "../../api/queries";
import { Await } from "../../parts/await";
import { buttonClass } from "../../parts/button";
import { Note } from "../../parts/note";
import { Facts, Page, Panel } from "../../parts/panel";
import { Progress } from "../../parts/progress";
import { State } from "../../parts/state";
import { fullTime, instant, span, useNow } from "../../parts/time";
import { type Course, courseOf, endingOf, type Journey } from "./course";
import { Rail, stopDoes, stopName } from "./rail";
import { Verdict } from "./verdict";

const ASK_EVERY_MS = 1_000;

export function journeyOf(transaction: Transaction): Journey {
  return {
    kind: transaction.kind,
    state: transaction.state,
    phase: transaction.phase,
    passages: transaction.passages.map(({ state, phase, at }) => ({ state, phase, at: instant(at) ?? 0 })),
  };
}

/** One upgrade or rollback, live. Its address names the transaction, so a reload or another browser shows the same. */
export function TransactionPage() {
  const { transaction: id } = useParams({ from: "/in/releases/upgrade/$transaction" });
  const query = useQuery({
    ...transactionQuery(id),
    refetchInterval: ({ state }) => (state.data && endingOf(state.data) ? false : ASK_EVERY_MS),
  });
  const found = query.data;
  const running = found !== undefined && endingOf(found) === undefined;
  const away = running && query.failureCount > 0 && asProblem(query.failureReason).passing;
  return (
    <Page
      title={found ? titleOf(found) : "Upgrade"}
      note={
        <>
          <Link to="/releases" className="text-accent underline underline-offset-2">
            Releases & upgrade
          </Link>{" "}
          / <span className="mono">{id}</span>
        </>
      }
    >
      {away ? (
        <Note tone="run" title="The appliance is restarting its services.">
          That belongs to the upgrade. This page asks again until it answers.
        </Note>
      ) : null}
      {found ? (
        <Running transaction={found} />
      ) : (
        <Panel flush>
          <Await query={query} lines={5}>
            {() => null}
          </Await>
        </Panel>
      )}
    </Page>
  );
}

export function titleOf({ kind, source, target }: Transaction): string {
  if (kind === "rollback") return `Rollback to ${target || "the previous release"}`;
  if (kind === "repair") return "Repair";
  return target ? `Upgrade to ${target}` : `Upgrade from ${source}`;
}

function Running({ transaction }: { transaction: Transaction }) {
  const now = useNow(500);
  const course = courseOf(journeyOf(transaction));
  return (
    <>
      {course.ending ? <Verdict transaction={transaction} ending={course.ending} /> : null}
      <Panel>
        <Rail course={course} now={now} />
        {course.ending ? null : <Present transaction={transaction} course={course} now={now} />}
      </Panel>
      <Record transaction={transaction} />
    </>
  );
}

/** What happens this moment, how far it is, and by when it must be done. */
function Present({ transaction, course, now }: { transaction: Transaction; course: Course; now: number }) {
  const stop = course.stops.find(({ mark }) => mark === "now")?.stop;
  const deadline = instant(transaction.deadline);
  const left = deadline === undefined ? undefined : (deadline - now) / 1000;
  const words = course.goingBack
    ? "Going back to the former release"
    : stop
      ? `${stopName(stop)}: ${stopDoes(stop).toLowerCase()}`
      : "Starting";
  return (
    <div className="mt-5 border-t border-line pt-4" aria-live="polite">
      <Progress
        label={words}
        percent={transaction.percent}
        {...(left !== undefined && left > 0 ? { note: `at most ${span(left)} more` } : {})}
      />
      {transaction.notes ? <p className="mt-1 text-sm text-muted">{transaction.notes}</p> : null}
    </div>
  );
}

function Record({ transaction }: { transaction: Transaction }) {
  return (
    <Panel
      flush
      title="Record"
      act={
        <Link to="/releases/upgrade" className={buttonClass("quiet", "sm")}>
          Another upgrade
        </Link>
      }
    >
      <Facts
        rows={[
          ["State", <State key="state" state={transaction.state} />],
          ["From", <Version key="from" name={transaction.source} />],
          ["To", <Version key="to" name={transaction.target} />],
          ["Data", DATA[transaction.schema_class ?? ""] ?? "not known yet"],
          ["Started", fullTime(transaction.started)],
          ["Ended", fullTime(transaction.finished)],
        ]}
      />
    </Panel>
  );
}

const DATA: Record<string, string> = {
  none: "unchanged",
  additive: "extended; the former release can still read it",
  breaking: "changed; going back restores the snapshot",
};

function Version({ name }: { name: string | null | undefined }) {
  return name ? <span className="mono">{name}</span> : <span className="text-muted">not known yet</span>;
}

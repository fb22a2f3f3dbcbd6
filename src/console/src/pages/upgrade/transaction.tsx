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
import { type Course, courseOf, endingOf } from "./course";
import { Rail, stopDoes, stopName } from "./rail";
import { titleOf } from "./title";
import { Verdict } from "./verdict";

const ASK_EVERY_MS = 1_000;

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

function Running({ transaction }: { transaction: Transaction }) {
  const now = useNow(500);
  const course = courseOf(transaction);
  return (
    <>
      {course.ending ? <Verdict transaction={transaction} course={course} ending={course.ending} /> : null}
      {course.direct && course.ending ? null : (
        <Panel>
          {course.direct ? null : <Rail course={course} now={now} />}
          {course.ending ? null : <Present transaction={transaction} course={course} now={now} />}
        </Panel>
      )}
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
    ? `Going back to ${transaction.source || "the former release"}`
    : stop
      ? `${stopName(stop)}: ${stopDoes(stop).toLowerCase()}`
      : "Starting";
  return (
    <div className={course.direct ? "" : "mt-5 border-t border-line pt-4"}>
      <Progress
        label={words}
        percent={transaction.percent}
        {...(left !== undefined && left > 0 ? { note: `at most ${span(left)} more` } : {})}
      />
      <p role="status" className="mt-1 min-h-5 text-sm text-muted">
        {transaction.notes}
      </p>
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
          [
            "From",
            <Version key="from" name={courseOf(transaction).direct ? transaction.target : transaction.source} />,
          ],
          ["To", <Version key="to" name={courseOf(transaction).direct ? transaction.source : transaction.target} />],
          ["Data", DATA[transaction.schema_class ?? ""] ?? "not known yet"],
          ["Asked for by", transaction.by || "–"],
          ["Began", fullTime(transaction.started)],
          ["Ended", fullTime(transaction.finished)],
          ...(transaction.attempt > 1
            ? [["Attempt", `${transaction.attempt}: went on after an interruption`] as const]
            : []),
          ...(transaction.baseline_failing?.length
            ? [["Left out of the gate", transaction.baseline_failing.join(", ")] as const]
            : []),
          ...(transaction.log
            ? [
                [
                  "Log",
                  <span key="log" className="mono">
                    /var/log/att/{transaction.log}
                  </span>,
                ] as const,
              ]
            : []),
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

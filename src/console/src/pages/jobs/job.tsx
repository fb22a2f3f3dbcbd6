import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { body, client } from "../../api/client";
import { asProblem } from "../../api/problem";
import { type Job, job as jobQuery } from "../../api/queries";
import { usePolling } from "../../live/events";
import { Await } from "../../parts/await";
import { Button } from "../../parts/button";
import { hintText, Note, ProblemNote } from "../../parts/note";
import { Facts, Page, Panel } from "../../parts/panel";
import { Progress } from "../../parts/progress";
import { State } from "../../parts/state";
import { fullTime, instant, span, useNow } from "../../parts/time";
import { jobSeconds } from "./jobs";
import { LogPanel } from "./log-panel";

const ended = (job: Job) => job.state !== "queued" && job.state !== "running";

export function JobPage() {
  const { jobId } = useParams({ from: "/in/jobs/$jobId" });
  const polling = usePolling(15_000, 2_000);
  const query = useQuery({
    ...jobQuery(jobId),
    refetchInterval: ({ state }) => (state.data && ended(state.data) ? false : polling),
  });
  const queries = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => body(client.POST("/api/v1/jobs/{job_id}/cancel", { params: { path: { job_id: jobId } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["jobs"] }),
  });
  const job = query.data;
  const away = query.isError && asProblem(query.error).passing;
  return (
    <Page
      title={job?.operation ?? "Job"}
      note={
        <>
          <Link to="/jobs" className="text-accent underline underline-offset-2">
            Jobs
          </Link>{" "}
          / <span className="mono">{jobId}</span>
        </>
      }
      act={
        job && !ended(job) ? (
          <Button busy={cancel.isPending || job.cancel_requested} onClick={() => cancel.mutate()}>
            {job.cancel_requested ? "Cancelling…" : "Cancel job"}
          </Button>
        ) : null
      }
    >
      {away && job ? <Note tone="warn" title="The appliance does not answer; asking again." /> : null}
      {cancel.isError ? <ProblemNote error={cancel.error} /> : null}
      <Panel flush>
        <Await query={query}>{(found) => <JobFacts job={found} />}</Await>
      </Panel>
      {job ? <LogPanel jobId={jobId} /> : null}
    </Page>
  );
}

function JobFacts({ job }: { job: Job }) {
  const now = useNow(1_000);
  const seconds = jobSeconds(job, now);
  const deadline = instant(job.deadline);
  const transaction = transactionIn(job);
  return (
    <>
      {job.problem ? (
        <div className="p-3">
          <JobProblem job={job} problem={job.problem} />
        </div>
      ) : null}
      {ended(job) ? null : (
        <div className="border-b border-line p-4">
          <Progress label={job.step || "Waiting to start"} percent={job.percent} />
          {deadline && deadline > now ? (
            <p className="mt-1 text-sm text-muted">This step must be done within {span((deadline - now) / 1000)}.</p>
          ) : null}
        </div>
      )}
      <Facts
        rows={[
          ["State", <State key="state" state={job.state} />],
          ["Started by", job.caller],
          ["Created", fullTime(job.created)],
          ["Took", seconds === undefined ? "–" : span(seconds)],
          ...(job.attempts > 1 ? [["Attempts", `${job.attempts}: resumed after a restart`] as const] : []),
          ...(transaction === undefined
            ? []
            : [
                [
                  "Transaction",
                  <Link
                    key="transaction"
                    to="/releases/upgrade/$transaction"
                    params={{ transaction }}
                    className="mono text-accent underline underline-offset-2"
                  >
                    {transaction}
                  </Link>,
                ] as const,
              ]),
          [
            "Request",
            <span key="request" className="mono">
              {job.request_id}
            </span>,
          ],
        ]}
      />
      {job.result !== null && job.result !== undefined ? (
        <details className="border-t border-line px-4 py-2">
          <summary className="cursor-pointer text-sm font-medium">Result</summary>
          <pre className="mono mt-2 overflow-x-auto rounded-md bg-sunken p-3 text-sm">
            {JSON.stringify(job.result, null, 2)}
          </pre>
        </details>
      ) : null}
    </>
  );
}

/** The transaction of the upgrade engine that this job began, once it tells. */
function transactionIn({ result, problem }: Job): string | undefined {
  const id = (result as { id?: unknown } | null | undefined)?.id ?? problem?.data?.transaction;
  return typeof id === "string" && id.startsWith("txn_") ? id : undefined;
}

function JobProblem({ job, problem }: { job: Job; problem: NonNullable<Job["problem"]> }) {
  return (
    <Note tone={job.state === "cancelled" ? "still" : "bad"} title={problem.detail}>
      {problem.hint ? <p>{hintText(problem.hint)}</p> : null}
      <p className="mono mt-1 text-xs text-muted">{problem.code}</p>
    </Note>
  );
}

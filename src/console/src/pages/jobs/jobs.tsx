import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type Job, type JobState, jobs } from "../../api/queries";
import { usePolling } from "../../live/events";
import { Await, Empty } from "../../parts/await";
import { Button } from "../../parts/button";
import { Page, Panel } from "../../parts/panel";
import { State } from "../../parts/state";
import { type Column, Table } from "../../parts/table";
import { Ago, instant, span, useNow } from "../../parts/time";

export const JOB_STATES: readonly JobState[] = ["queued", "running", "succeeded", "failed", "cancelled"];

export function jobSeconds(job: Job, now: number): number | undefined {
  const started = instant(job.started);
  return started === undefined ? undefined : Math.max(0, ((instant(job.finished) ?? now) - started) / 1000);
}

export function JobsPage() {
  const { state } = useSearch({ from: "/in/jobs" });
  const navigate = useNavigate();
  const query = useInfiniteQuery({ ...jobs(state ? { state } : {}), refetchInterval: usePolling() });
  const now = useNow(1_000);
  const columns: Column<Job>[] = [
    {
      head: "Job",
      title: true,
      cell: (job) => (
        <>
          <Link to="/jobs/$jobId" params={{ jobId: job.id }} className="font-medium text-accent hover:underline">
            {job.operation}
          </Link>
          <span className="mono block text-xs text-muted">{job.id}</span>
        </>
      ),
    },
    { head: "State", cell: (job) => <State state={job.state} /> },
    {
      head: "Step",
      cell: (job) => (job.problem ? <span className="mono text-xs">{job.problem.code}</span> : job.step || "–"),
    },
    { head: "By", cell: (job) => job.caller },
    { head: "Created", right: true, cell: (job) => <Ago at={job.created} /> },
    {
      head: "Took",
      right: true,
      cell: (job) => {
        const seconds = jobSeconds(job, now);
        return seconds === undefined ? "–" : span(seconds);
      },
    },
  ];
  return (
    <Page title="Jobs" note="Long work. It goes on when you close this page, and after a restart of the appliance.">
      <Panel
        flush
        title="All jobs"
        act={
          <label className="flex items-center gap-2 text-sm">
            State
            <select
              className="h-7 cursor-pointer rounded-md border border-edge bg-panel px-1.5"
              value={state ?? ""}
              onChange={(event) =>
                navigate({
                  to: "/jobs",
                  search: event.target.value ? { state: event.target.value as JobState } : {},
                  replace: true,
                })
              }
            >
              <option value="">any</option>
              {JOB_STATES.map((each) => (
                <option key={each} value={each}>
                  {each}
                </option>
              ))}
            </select>
          </label>
        }
      >
        <Await query={query}>
          {({ pages }) => {
            const rows = pages.flatMap((page) => page.jobs);
            if (rows.length === 0) {
              return (
                <Empty title={state ? `No ${state} jobs` : "No jobs yet"}>
                  {state
                    ? "Choose another state."
                    : "Upgrades, builds and tests show up here while they run and after."}
                </Empty>
              );
            }
            return <Table caption="Jobs" columns={columns} rows={rows} rowKey={(job) => job.id} />;
          }}
        </Await>
        {query.hasNextPage ? (
          <div className="border-t border-line p-3 text-center">
            <Button busy={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
              Show older jobs
            </Button>
          </div>
        ) : null}
      </Panel>
    </Page>
  );
}

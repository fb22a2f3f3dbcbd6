import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { type Job, job as jobQuery, type Transaction, transaction as transactionQuery } from "../../api/queries";
import { hintText, Note } from "../../parts/note";
import { Progress } from "../../parts/progress";
import { instant } from "../../parts/time";

/** The engine tells whole seconds, the API does not. */
const CLOCK_MS = 1_000;
const ASK_EVERY_MS = 500;

/** The transaction that a job began: named by the job where it failed, else the newest one begun after the job. */
export function transactionOf(job: Job | undefined, newest: Transaction | undefined): string | undefined {
  const named = job?.problem?.data?.transaction;
  if (typeof named === "string") return named;
  const created = instant(job?.created);
  const started = instant(newest?.started);
  if (created === undefined || started === undefined) return undefined;
  return started + CLOCK_MS >= created ? newest?.id : undefined;
}

/** From a job that was just started to the page of its transaction, as soon as the engine has begun one. */
export function FollowJob({ jobId }: { jobId: string }) {
  const navigate = useNavigate();
  const job = useQuery({ ...jobQuery(jobId), refetchInterval: ASK_EVERY_MS }).data;
  const newest = useQuery({ ...transactionQuery("newest"), staleTime: 0, refetchInterval: ASK_EVERY_MS }).data;
  const transaction = transactionOf(job, newest);
  useEffect(() => {
    if (transaction) navigate({ to: "/releases/upgrade/$transaction", params: { transaction }, replace: true });
  }, [transaction, navigate]);
  const problem = job?.problem;
  if (!problem || transaction) return <Progress label="Handing over to the upgrade engine" />;
  return (
    <Note alert tone="bad" title={problem.detail}>
      {problem.hint ? <p>{hintText(problem.hint)}</p> : null}
      <p className="mono mt-1 text-xs text-muted">{problem.code}</p>
    </Note>
  );
}

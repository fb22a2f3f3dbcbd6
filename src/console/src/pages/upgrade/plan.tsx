import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { body, client } from "../../api/client";
import { asProblem } from "../../api/problem";
import { type Plan, plan as planQuery } from "../../api/queries";
import { Await } from "../../parts/await";
import { Button } from "../../parts/button";
import { Dialog, DialogActs } from "../../parts/dialog";
import { hintText, Note, ProblemNote } from "../../parts/note";
import { Facts, Panel } from "../../parts/panel";
import { bytes } from "../../parts/size";
import { State } from "../../parts/state";
import { fullTime } from "../../parts/time";
import { may, me } from "../../shell/session";
import { FollowJob } from "./follow";
import { needs, type Overrule } from "./overrule";

const TRIES_MAX = 20;
const DATA: Record<string, string> = {
  none: "unchanged",
  additive: "extended; going back keeps all that is written",
  breaking: "changed; writes wait during the switch, and going back restores the snapshot",
};
const CHECK_NAME: Record<string, string> = {
  bundle: "The bundle fits this appliance",
  baseline: "The running release is healthy",
};
const OVERRULE_LABEL: Record<Overrule, string> = {
  force: "Try this version again although it was rolled back before",
  despite_baseline:
    "Replace the running release although it is not healthy: what fails now is recorded and left out of the gate",
};

export function PlanPanel({ upload, onOther }: { upload: string; onOther: () => void }) {
  const query = useQuery(planQuery(upload));
  return (
    <Panel
      flush
      title="Plan"
      act={
        <Button size="sm" onClick={onOther}>
          Choose another bundle
        </Button>
      }
    >
      <Await query={query} lines={6}>
        {(plan) => <PlanView plan={plan} upload={upload} />}
      </Await>
    </Panel>
  );
}

function PlanView({ plan, upload }: { plan: Plan; upload: string }) {
  const { overrules, possible } = needs(plan);
  const [overruled, setOverruled] = useState<readonly Overrule[]>([]);
  const [asking, setAsking] = useState(false);
  const admin = may(useQuery(me).data?.role, "admin");
  const chosen = overrules.filter((each) => overruled.includes(each));
  const apply = useMutation({
    mutationFn: (key: string) =>
      body(
        client.POST("/api/v1/upgrade/apply", {
          body: { upload, force: chosen.includes("force"), despite_baseline: chosen.includes("despite_baseline") },
          headers: { "Idempotency-Key": key },
        }),
      ),
    // The key makes a repeated call answer with the same job, so that one lost in a restart may simply be sent again.
    retry: (failures, error) => asProblem(error).passing && failures < TRIES_MAX,
  });
  if (apply.data) {
    return (
      <div className="p-4">
        <FollowJob jobId={apply.data.job_id} />
      </div>
    );
  }
  const verb = plan.kind === "repair" ? `Repair ${plan.version}` : `Upgrade to ${plan.version}`;
  return (
    <>
      <PlanFacts plan={plan} />
      <Checks plan={plan} />
      <div className="flex flex-col gap-3 border-t border-line p-4">
        {plan.refusal ? (
          <Note tone={possible ? "warn" : "bad"} title={plan.refusal.detail}>
            {plan.refusal.hint ? <p>{hintText(plan.refusal.hint)}</p> : null}
            <p className="mono mt-1 text-xs text-muted">{plan.refusal.code}</p>
          </Note>
        ) : null}
        {possible
          ? overrules.map((each) => (
              <label key={each} className="flex cursor-pointer items-start gap-2">
                <input
                  type="checkbox"
                  className="mt-1 size-4 shrink-0 accent-accent"
                  checked={overruled.includes(each)}
                  onChange={({ target }) =>
                    setOverruled((old) => (target.checked ? [...old, each] : old.filter((one) => one !== each)))
                  }
                />
                {OVERRULE_LABEL[each]}
              </label>
            ))
          : null}
        {apply.isError ? <ProblemNote error={apply.error} /> : null}
        <div className="flex flex-wrap items-center justify-end gap-3">
          {admin ? null : <p className="text-muted">Starting an upgrade needs the role admin.</p>}
          <Button
            look="primary"
            disabled={!(admin && possible && chosen.length === overrules.length)}
            busy={apply.isPending}
            onClick={() => setAsking(true)}
          >
            {apply.isPending ? "Starting…" : verb}
          </Button>
        </div>
      </div>
      {asking ? (
        <Confirm
          plan={plan}
          verb={verb}
          onNo={() => setAsking(false)}
          onYes={() => {
            setAsking(false);
            apply.mutate(crypto.randomUUID?.() ?? `${upload}-${Date.now()}`);
          }}
        />
      ) : null}
    </>
  );
}

function PlanFacts({ plan }: { plan: Plan }) {
  return (
    <Facts
      rows={[
        [
          "From",
          <span key="from" className="mono">
            {plan.current}
          </span>,
        ],
        [
          "To",
          <span key="to" className="mono font-medium">
            {plan.version}
          </span>,
        ],
        [
          "Signed by",
          <span key="signed">
            <span className="mono">{plan.signed_by.join(", ") || "nobody"}</span>
            {plan.local ? " (this appliance itself)" : ""}
          </span>,
        ],
        ["Data", `${DATA[plan.schema_class] ?? plan.schema_class} (schema ${plan.schema_version})`],
        ["Size", bytes(plan.size_bytes)],
        ["Built", fullTime(plan.build_time)],
        [
          "Commit",
          <span key="commit" className="mono break-all">
            {plan.commit}
          </span>,
        ],
        [
          "Digest",
          <span key="digest" className="mono break-all">
            {plan.digest}
          </span>,
        ],
      ]}
    />
  );
}

function Checks({ plan }: { plan: Plan }) {
  return (
    <ul aria-label="Checks" className="divide-y divide-line border-t border-line">
      {plan.checks.map((check) => (
        <li key={check.name} className="grid grid-cols-[5.5rem_1fr] gap-x-4 px-4 py-1.5 sm:grid-cols-[10rem_1fr]">
          <span>
            <State state={check.status} />
          </span>
          <span className="min-w-0 wrap-anywhere">
            <span className="font-medium">{CHECK_NAME[check.name] ?? check.name}</span>{" "}
            <span className="text-muted">{check.detail}</span>
          </span>
        </li>
      ))}
    </ul>
  );
}

function Confirm({ plan, verb, onNo, onYes }: { plan: Plan; verb: string; onNo: () => void; onYes: () => void }) {
  return (
    <Dialog title={`${verb}?`} onClose={onNo}>
      <p>
        Services restart once; requests wait meanwhile and none is lost. If the new release does not prove healthy, the
        appliance goes back to <span className="mono">{plan.current}</span> by itself.
      </p>
      <p className="text-muted">You may close this page at any time: the upgrade does not depend on it.</p>
      <DialogActs>
        <Button onClick={onNo}>Not now</Button>
        <Button look="primary" autoFocus onClick={onYes}>
          {plan.kind === "repair" ? "Start repair" : "Start upgrade"}
        </Button>
      </DialogActs>
    </Dialog>
  );
}

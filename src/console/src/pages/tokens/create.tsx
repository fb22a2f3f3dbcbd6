import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import { body, client } from "../../api/client";
import { asProblem } from "../../api/problem";
import { Button } from "../../parts/button";
import { CopyButton } from "../../parts/copy";
import { Dialog, DialogActs } from "../../parts/dialog";
import { Choice, Field } from "../../parts/field";
import { Note, ProblemNote } from "../../parts/note";
import { fullTime } from "../../parts/time";
import { me, type Role, rolesUpTo } from "../../shell/session";

const MAY: Record<Role, string> = {
  viewer: "sees everything but secrets",
  developer: "and develops projects",
  operator: "and upgrades and runs the appliance",
  admin: "and manages people and tokens",
};
const LIVES = [
  [1, "1 day"],
  [7, "7 days"],
  [30, "30 days"],
  [90, "90 days"],
  [365, "1 year"],
] as const;
const FIELDS = ["name", "role", "kind", "expires_days"];

export function CreateToken({ onClose }: { onClose: () => void }) {
  const queries = useQueryClient();
  const user = useQuery(me).data;
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [kind, setKind] = useState<"person" | "agent">("agent");
  const [days, setDays] = useState(90);
  const create = useMutation({
    mutationFn: () =>
      body(client.POST("/api/v1/tokens", { body: { name: name.trim(), role, kind, expires_days: days } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["tokens"] }),
  });
  const secret = useRef<HTMLElement>(null);
  const problem = create.isError ? asProblem(create.error) : undefined;
  const of = (field: string) => (problem?.field === field ? problem.message : undefined);
  if (create.data) {
    const made = create.data;
    return (
      <Dialog title={`Token ${made.name} created`} onClose={onClose}>
        <Note tone="warn" title="Copy it now: it is not shown again." />
        <code
          ref={secret}
          data-secret
          className="mono block rounded-md border border-line bg-sunken px-3 py-2.5 break-all select-all"
        >
          {made.token}
        </code>
        <p className="text-sm text-muted">
          Role {made.role}, for {made.kind === "agent" ? "an agent" : "a person"}, good until {fullTime(made.expires)}.
          Send it as <span className="mono">Authorization: Bearer …</span>
        </p>
        <DialogActs>
          <CopyButton
            text={made.token}
            label="Copy token"
            select={() => {
              if (secret.current) getSelection()?.selectAllChildren(secret.current);
            }}
          />
          <Button look="primary" onClick={onClose}>
            Done
          </Button>
        </DialogActs>
      </Dialog>
    );
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <Dialog title="Create token" onClose={onClose}>
      <form onSubmit={submit} className="flex flex-col gap-3.5">
        <Field
          label="Name"
          required
          maxLength={64}
          autoFocus
          autoComplete="off"
          value={name}
          onChange={(event) => setName(event.target.value)}
          error={of("name")}
          hint="What it is for, such as “nightly backup”."
        />
        <Choice
          label="Role"
          value={role}
          onChange={(event) => setRole(event.target.value as Role)}
          error={of("role")}
          hint="Each role includes those before it. A token can do no more than you."
        >
          {rolesUpTo(user?.role).map((each) => (
            <option key={each} value={each}>
              {each}: {MAY[each]}
            </option>
          ))}
        </Choice>
        <Choice
          label="Used by"
          value={kind}
          onChange={(event) => setKind(event.target.value as "person" | "agent")}
          error={of("kind")}
          hint="An agent's token is refused what is for people, such as approvals."
        >
          <option value="agent">an agent or a script</option>
          <option value="person">a person</option>
        </Choice>
        <Choice
          label="Expires after"
          value={days}
          onChange={(event) => setDays(Number(event.target.value))}
          error={of("expires_days")}
        >
          {LIVES.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </Choice>
        {problem && !FIELDS.includes(problem.field ?? "") ? <ProblemNote error={problem} /> : null}
        <DialogActs>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={create.isPending}>
            Create token
          </Button>
        </DialogActs>
      </form>
    </Dialog>
  );
}

import type { Transaction } from "../../api/queries";
import { courseOf } from "./course";

export function titleOf(transaction: Transaction): string {
  const { kind, source, target } = transaction;
  if (kind === "repair") return "Repair";
  if (kind === "rollback") return `Rollback to ${courseOf(transaction).direct ? source : target}`;
  return target ? `Upgrade to ${target}` : `Upgrade from ${source}`;
}

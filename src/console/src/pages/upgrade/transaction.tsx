import { Page } from "../../parts/panel";
export function TransactionPage() {
  return <Page title="t">.</Page>;
}

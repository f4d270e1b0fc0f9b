import { PageHead } from "../../ui/blocks.tsx";

export default function SchedulePage() {
  return <PageHead title="Schedule" />;
}

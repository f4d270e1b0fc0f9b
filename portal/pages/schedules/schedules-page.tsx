import { PageHead } from "../../ui/blocks.tsx";

export default function SchedulesPage() {
  return <PageHead title="Schedules" />;
}

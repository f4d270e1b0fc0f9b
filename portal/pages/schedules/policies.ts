import type { Schedule } from "../../../sdk/index.ts";

interface Policy {
  /** On the page of a schedule. */
  text: string;
  /** In the form. */
  choice: string;
}

/** What happens to a fire while an earlier job of the schedule is not over. */
export const OVERLAPS: Readonly<Record<Schedule["overlap"], Policy>> = {
  allow: { text: "the new one runs beside it", choice: "Run the new one beside it" },
  forbid: { text: "the fire is skipped", choice: "Skip the fire" },
  queue: { text: "the new one waits for it", choice: "Wait for it; one fire can wait" },
  replace: { text: "the new one replaces it", choice: "Cancel it, and run the new one" },
};

/** What happens to fires that came due while no server ran. */
export const MISFIRES: Readonly<Record<Schedule["misfire"], Policy>> = {
  once: { text: "one job stands for all missed fires", choice: "Run one job for all missed fires" },
  skip: { text: "missed fires are skipped", choice: "Skip the missed fires" },
  all: { text: "each missed fire gets its job", choice: "Run one job for each missed fire" },
};

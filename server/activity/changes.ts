import {
  type ActivityEventName,
  type ActivitySubject,
  type Change,
  MAX_CHANGED_IDS,
} from "../../shared/activity.ts";

/** An event of the stream, without its id. */
export interface ChangeEvent {
  event: ActivityEventName;
  data: object;
}

/** The field with the ids of these subjects. The events of the others do not say which ones changed. */
const idFields: Partial<Record<ActivitySubject, string>> = {
  jobs: "jobIds",
  nodes: "nodeIds",
  schedules: "scheduleIds",
  templates: "templateIds",
};

interface Changed {
  ids: Set<string>;
  /** Others changed as well. */
  more: boolean;
}

/** What has changed since some moment, each thing once. It never grows beyond MAX_CHANGED_IDS ids of a subject. */
export class Changes {
  private readonly bySubject = new Map<ActivitySubject, Changed>();
  private isAll = false;

  /** How many ids it has. */
  get size(): number {
    let size = 0;
    for (const { ids } of this.bySubject.values()) size += ids.size;
    return size;
  }

  add({ subject, ids }: Change): void {
    let changed = this.bySubject.get(subject);
    if (!changed) {
      changed = { ids: new Set(), more: false };
      this.bySubject.set(subject, changed);
    }
    if (ids === undefined || changed.more) changed.more = true;
    else addUpTo(changed, ids);
  }

  /** Anything may have changed. */
  addAll(): void {
    this.isAll = true;
  }

  merge(later: Changes): void {
    this.isAll ||= later.isAll;
    for (const [subject, { ids, more }] of later.bySubject) {
      this.add({ subject, ids: [...ids] });
      if (more) this.add({ subject });
    }
  }

  events(): ChangeEvent[] {
    if (this.isAll) return [{ event: "reset", data: {} }];
    return [...this.bySubject].map(([subject, { ids, more }]) => {
      const field = idFields[subject];
      return { event: subject, data: field === undefined ? {} : { [field]: [...ids], more } };
    });
  }
}

function addUpTo(changed: Changed, ids: readonly string[]): void {
  for (const id of ids) {
    if (changed.ids.size >= MAX_CHANGED_IDS && !changed.ids.has(id)) {
      changed.more = true;
      return;
    }
    changed.ids.add(id);
  }
}

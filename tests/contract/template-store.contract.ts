import { describe, expect, test } from "bun:test";
import {
  MAX_VERSIONS,
  type TemplateRecord,
  type TemplateStore,
} from "../../server/template/template-store.ts";
import { newId } from "../../shared/ids.ts";

/** What every template store promises. `open` gives an empty store, which is closed after each test. */
export function templateStoreContract(
  name: string,
  open: () => Promise<{ store: TemplateStore } & AsyncDisposable>,
) {
  describe(`${name} keeps templates`, () => {
    test("a template comes back unchanged, by its id and by its name, and to its business only", async () => {
      await using opened = await open();
      const { store } = opened;
      const template = newTemplate({ forkedFrom: { templateId: newId("tpl"), version: 3 } });
      expect(await store.create(template)).toBe("created");
      const { businessId, templateId } = template;
      expect(await store.find(businessId, { templateId })).toEqual(template);
      expect(await store.find(businessId, { name: "scale" })).toEqual(template);
      expect(await store.find("biz_other", { templateId })).toBeUndefined();
      expect(await store.find("biz_other", { name: "scale" })).toBeUndefined();
      expect(await store.findVersion(templateId, 1)).toEqual({
        version: 1,
        content: template.content,
        userId: "usr_a",
        createdAtMs: 1_000,
      });
      expect(await store.findVersion(templateId, 2)).toBeUndefined();
    });

    test("a name is one template of a business, however many concurrent calls create it", async () => {
      await using opened = await open();
      const made = await Promise.all(Array.from({ length: 20 }, () => opened.store.create(newTemplate())));
      expect(made.filter((one) => one === "created")).toHaveLength(1);
      expect(await opened.store.create(newTemplate({ businessId: "biz_other" }))).toBe("created");
    });

    test("of many concurrent edits of one version one succeeds, and every version stays readable", async () => {
      await using opened = await open();
      const { store } = opened;
      const { businessId, templateId } = await created(store);
      const edit = (expectedVersion: number, description: string) =>
        store.change({ ...changeOf(businessId, templateId), expectedVersion, content: content(description) });
      const edits = await Promise.all(Array.from({ length: 20 }, (_, i) => edit(1, `edit ${i}`)));
      expect(edits.filter((one) => one.kind === "changed")).toHaveLength(1);
      expect(edits.filter((one) => one.kind === "stale")).toHaveLength(19);
      expect(await edit(2, "third")).toMatchObject({
        kind: "changed",
        template: { version: 3, userId: "usr_b", ownerId: "usr_a", createdAtMs: 1_000, updatedAtMs: 2_000 },
      });
      const versions = await store.versions(templateId, undefined, 10);
      expect(versions.map((one) => one.version)).toEqual([3, 2, 1]);
      expect(versions.map((one) => one.content.description)).toEqual([
        "third",
        expect.stringMatching(/^edit/),
        "d",
      ]);
      expect((await store.versions(templateId, 3, 1)).map((one) => one.version)).toEqual([2]);
      expect((await store.findVersion(templateId, 1))?.content.description).toBe("d");
    });

    test("only the newest versions are kept", async () => {
      await using opened = await open();
      const { store } = opened;
      const { businessId, templateId } = await created(store);
      for (let version = 1; version < MAX_VERSIONS + 3; version++) {
        await store.change({ ...changeOf(businessId, templateId), expectedVersion: version });
      }
      const versions = await store.versions(templateId, undefined, 1_000);
      expect(versions).toHaveLength(MAX_VERSIONS);
      expect(versions[0]?.version).toBe(MAX_VERSIONS + 3);
    });

    test("a template can be renamed, but not to a name that is taken", async () => {
      await using opened = await open();
      const { store } = opened;
      const { businessId, templateId } = await created(store);
      await store.create(newTemplate({ name: "other" }));
      const change = changeOf(businessId, templateId);
      expect(await store.change({ ...change, name: "other" })).toEqual({ kind: "name-taken" });
      expect((await store.change({ ...change, name: "new" })).kind).toBe("changed");
      expect(await store.find(businessId, { name: "scale" })).toBeUndefined();
      expect((await store.find(businessId, { name: "new" }))?.version).toBe(2);
      expect((await store.change({ ...change, businessId: "biz_other", expectedVersion: 2 })).kind).toBe(
        "stale",
      );
    });

    test("a removed template is gone with its versions, and its name is free", async () => {
      await using opened = await open();
      const { store } = opened;
      const { businessId, templateId } = await created(store);
      expect(await store.remove("biz_other", templateId)).toBe(false);
      const removed = await Promise.all(
        Array.from({ length: 5 }, () => store.remove(businessId, templateId)),
      );
      expect(removed.filter(Boolean)).toHaveLength(1);
      expect(await store.find(businessId, { templateId })).toBeUndefined();
      expect(await store.versions(templateId, undefined, 10)).toEqual([]);
      expect(await store.create(newTemplate())).toBe("created");
    });

    test("a builtin template is seeded once, however many servers seed it; everyone sees it, nobody can change it", async () => {
      await using opened = await open();
      const { store } = opened;
      const seed = (description: string) =>
        store.seed({ name: "scale", content: content(description), contentHash: description }, 5_000);
      const seeded = await Promise.all(Array.from({ length: 10 }, () => seed("one")));
      expect(seeded.filter(Boolean)).toHaveLength(1);
      const builtin = await store.find("biz_any", { name: "scale" });
      expect(builtin).toMatchObject({ version: 1, content: content("one"), createdAtMs: 5_000 });
      expect([builtin?.businessId, builtin?.userId]).toEqual([undefined, undefined]);
      const templateId = builtin?.templateId ?? "";
      expect((await store.change(changeOf("biz_any", templateId))).kind).toBe("stale");
      expect(await store.remove("biz_any", templateId)).toBe(false);
    });

    test("new content of a builtin is its next version; seeding by an older release changes nothing back", async () => {
      await using opened = await open();
      const { store } = opened;
      const seed = (description: string) =>
        store.seed({ name: "scale", content: content(description), contentHash: description }, 5_000);
      await seed("one");
      const both = await Promise.all(Array.from({ length: 10 }, (_, i) => seed(i % 2 ? "two" : "one")));
      expect(both.filter(Boolean)).toHaveLength(1);
      expect(await seed("one")).toBe(false);
      expect(await store.find("biz_any", { name: "scale" })).toMatchObject({
        version: 2,
        content: content("two"),
      });
    });

    test("a business's template hides a builtin of the same name, which can still be found by id", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.seed({ name: "scale", content: content("builtin"), contentHash: "x" }, 5_000);
      const builtinId = (await store.find("biz_a", { name: "scale" }))?.templateId ?? "";
      const own = await created(store);
      expect(await store.find("biz_a", { name: "scale" })).toEqual(own);
      expect((await store.find("biz_a", { templateId: builtinId }))?.content.description).toBe("builtin");
      expect((await store.find("biz_b", { name: "scale" }))?.templateId).toBe(builtinId);
    });

    test("a list holds the business's own templates and the builtin ones, newest first, page by page", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.seed({ name: "scale", content: content("builtin"), contentHash: "x" }, 5_000);
      await store.create(newTemplate({ businessId: "biz_other" }));
      for (const name of ["a", "b", "c"]) await store.create(newTemplate({ name }));
      const query = { businessId: "biz_a", builtin: undefined, beforeTemplateId: undefined, limit: 10 };
      const names = async (where: object) =>
        (await store.list({ ...query, ...where })).map((one) => one.name);
      expect(await names({})).toEqual(["c", "b", "a", "scale"]);
      expect(await names({ builtin: true })).toEqual(["scale"]);
      expect(await names({ builtin: false, limit: 2 })).toEqual(["c", "b"]);
      const [first] = await store.list({ ...query, limit: 1 });
      expect(await names({ beforeTemplateId: first?.templateId })).toEqual(["b", "a", "scale"]);
    });
  });
}

function content(description: string) {
  return { description, parameters: [], job: { command: ["a"], env: { "gpu.$x": "1" } } };
}

type OwnTemplate = TemplateRecord & { businessId: string };

function newTemplate(change: Partial<OwnTemplate> = {}): OwnTemplate {
  return {
    templateId: newId("tpl"),
    businessId: "biz_a",
    name: "scale",
    version: 1,
    content: content("d"),
    forkedFrom: undefined,
    userId: "usr_a",
    ownerId: "usr_a",
    createdAtMs: 1_000,
    updatedAtMs: 1_000,
    ...change,
  };
}

async function created(store: TemplateStore): Promise<OwnTemplate> {
  const template = newTemplate();
  expect(await store.create(template)).toBe("created");
  return template;
}

function changeOf(businessId: string, templateId: string) {
  return {
    businessId,
    templateId,
    expectedVersion: 1,
    name: "scale",
    content: content("edited"),
    userId: "usr_b",
    nowMs: 2_000,
  };
}

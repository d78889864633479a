import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { createBroker, installedServices } from "@molecart/mixins/launch.ts";
import type { ServiceBroker } from "moleculer";
import { BrowserPage, describeWithBrowser } from "../support/browser.ts";
import { eventually } from "../support/eventually.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

jest.setTimeout(90_000);

describeWithBrowser("The page of the API in a browser", (program) => {
  let broker: ServiceBroker;
  let address: string;
  let page: BrowserPage;
  let operations: { operationId: string; summary: string }[];

  beforeAll(async () => {
    const env = { DATA_DIR: temporaryDataDir(), API_PORT: "0", PAYMENTS_PORT: "0", RATE_LIMIT: "off", LOG_LEVEL: "fatal" };
    broker = await createBroker(await installedServices(), { env });
    await broker.start();
    address = (broker.getLocalService("v1.api") as unknown as { address: string }).address;
    const document = (await (await fetch(`${address}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { operationId: string; summary: string }>>;
    };
    operations = Object.values(document.paths).flatMap(Object.values);
    page = await BrowserPage.open(program, `${address}/docs`);
  }, 90_000);
  afterAll(async () => {
    await page?.close();
    await broker?.stop();
    removeDataDirs();
  });

  /** Fills a form in and sends it, as a reader does; answers what is shown then. */
  const tryIt = async (operationId: string, values: Record<string, string> = {}): Promise<string> => {
    const form = `document.querySelector("#${operationId} form.try")`;
    await page.run(`location.hash = "#${operationId}"`);
    await page.run(
      `Object.entries(${JSON.stringify(values)}).forEach(([name, value]) => { ${form}.elements[name].value = value })`,
    );
    await page.run(`${form}.querySelector("button").click()`);
    return eventually(async () => {
      const shown = await page.run<string>(`${form}.querySelector("output").innerText`);
      expect(shown).toMatch(/^\d{3} /);
      return shown;
    });
  };

  test("shows every operation, with its summary, its answers and a form", async () => {
    const shown = await page.run<{ id: string; text: string; answers: number; forms: number }[]>(
      `[...document.querySelectorAll(".operation[data-path]")].map((one) => ({ id: one.id, text: one.querySelector("summary").innerText,
        answers: one.querySelectorAll(".answer").length, forms: one.querySelectorAll("form.try").length }))`,
    );
    expect(shown.map(({ id }) => id).toSorted()).toEqual(operations.map(({ operationId }) => operationId).toSorted());
    for (const { id, text, answers, forms } of shown) {
      expect(text).toContain(operations.find(({ operationId }) => operationId === id)?.summary);
      expect(answers).toBeGreaterThan(2);
      expect(forms).toBe(1);
    }
  });

  test("leads each link of its own to a place in it", async () => {
    const lost = await page.run<string[]>(
      `[...document.querySelectorAll('a[href^="#"]')].map((link) => link.getAttribute("href")).filter((href) => document.querySelector(href) === null)`,
    );
    expect(lost).toEqual([]);
  });

  test("calls an operation and shows the answer", async () => {
    const shown = await tryIt("listCategories");
    expect(shown).toContain("200 OK");
    expect(shown).toContain('"slug"');
    expect(shown).toContain("x-request-id");
  });

  test("keeps the token that a registration answers, and uses it", async () => {
    const body = { email: "reader@example.com", password: "correct horse battery", name: "Reader" };
    expect(await tryIt("getProfile")).toContain("UNAUTHENTICATED");
    expect(await tryIt("register", { body: JSON.stringify(body) })).toContain("201 Created");
    await page.run(`document.querySelector("#getProfile output").replaceChildren()`);
    expect(await tryIt("getProfile")).toContain("reader@example.com");
  });

  test("finds operations by a filter", async () => {
    await page.run(
      `(() => { const filter = document.getElementById("filter"); filter.value = "dead letter replay"; filter.dispatchEvent(new Event("input", { bubbles: true })) })()`,
    );
    const left = await page.run<string[]>(
      `[...document.querySelectorAll(".operation[data-path]")].filter((one) => one.checkVisibility()).map(({ id }) => id)`,
    );
    expect(left.toSorted()).toEqual(["editDeadLetter", "replayDeadLetter", "replayDeadLetterGroup"]);
  });

  test("asks nobody but the shop, and breaks no rule of its policy", () => {
    expect([
      ...new Set(
        page.requested
          .map((url) => new URL(url))
          .filter(({ protocol }) => protocol !== "data:")
          .map(({ origin }) => origin),
      ),
    ]).toEqual([address]);
    // The 401 above is told, too.
    expect(page.complaints.filter((complaint) => !complaint.includes("401"))).toEqual([]);
  });
});

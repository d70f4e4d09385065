import { BarChart, LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, TooltipComponent } from "echarts/components";
import { init, use, type EChartsType } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { h, still } from "./dom.ts";
import { exact, month, short } from "./format.ts";
import type { Lang } from "./route.ts";

use([LineChart, BarChart, GridComponent, TooltipComponent, AriaComponent, CanvasRenderer]);

export interface Points {
  unit: string;
  /** Flows are bars from zero; stocks and ratios are lines. */
  bars: boolean;
  points: readonly { on: string; value: number | null }[];
}

const css = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function option({ unit, bars, points }: Points, lang: Lang, printing: boolean): Parameters<EChartsType["setOption"]>[0] {
  const [ink, line, data, accent] = [css("--muted"), css("--line"), css("--data"), css("--accent")];
  const label = { color: ink, fontSize: 11.5 };
  const last = points.length - 1;
  return {
    animation: !printing && !still(),
    animationDuration: 250,
    animationDurationUpdate: 400,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { left: 4, right: 10, top: 12, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    tooltip: {
      trigger: "axis",
      confine: true,
      backgroundColor: css("--surface"),
      borderColor: line,
      borderWidth: 1,
      padding: [6, 10],
      extraCssText: "box-shadow: none",
      axisPointer: { type: bars ? "shadow" : "line", lineStyle: { color: line, type: "solid" }, shadowStyle: { color: css("--hover") } },
      formatter: (found: unknown): HTMLElement => {
        const at = (Array.isArray(found) ? found[0] : found) as { dataIndex: number };
        const point = points[at.dataIndex];
        return h("div", { class: "tip" }, h("span", {}, point ? month(point.on, lang, true) : ""), h("strong", {}, exact(point?.value ?? null, unit, lang)));
      },
    },
    xAxis: {
      type: "category",
      data: points.map((point) => month(point.on, lang)),
      boundaryGap: bars,
      axisLine: { lineStyle: { color: line } },
      axisTick: { show: false },
      axisLabel: { ...label, hideOverlap: true },
    },
    yAxis: {
      type: "value",
      scale: !bars,
      ...(unit === "percent" ? {} : { minInterval: 1 }),
      splitNumber: 3,
      axisLabel: { ...label, formatter: (value: number) => short(value, unit, lang) },
      splitLine: { lineStyle: { color: line } },
    },
    series: [bars
      ? { type: "bar", barMaxWidth: 22, itemStyle: { color: data, borderRadius: [2, 2, 0, 0] }, emphasis: { itemStyle: { color: accent } }, data: points.map((point) => point.value) }
      : {
          type: "line", lineStyle: { color: data, width: 2 }, itemStyle: { color: data }, symbol: "circle", symbolSize: 5, showSymbol: true,
          data: points.map((point, index) => (index === last ? { value: point.value, symbolSize: 9, itemStyle: { color: accent } } : { value: point.value })),
        }],
  };
}

export interface Chart {
  draw(points: Points): void;
  end(): void;
}

/** Draws on an element, follows its size, the reader's colour scheme and the printer. */
export function chart(element: HTMLElement, lang: Lang): Chart {
  const drawn = init(element, null, { renderer: "canvas" });
  let latest: Points | null = null;
  const redraw = (printing = false): void => { if (latest) drawn.setOption(option(latest, lang, printing)); };
  const recolour = (): void => redraw();
  const print = (): void => {
    redraw(true);
    drawn.resize();
  };
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", recolour);
  window.addEventListener("beforeprint", print);
  const size = new ResizeObserver(() => { if (element.clientWidth > 0) drawn.resize(); });
  size.observe(element);
  return {
    draw: (points) => { latest = points; redraw(); },
    end: () => {
      scheme.removeEventListener("change", recolour);
      window.removeEventListener("beforeprint", print);
      size.disconnect();
      drawn.dispose();
    },
  };
}

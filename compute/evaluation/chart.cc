// Writes SVG elements in a view box of 360 x 330 units.
// ... -> evaluation -> [report].
#include "compute/evaluation/chart.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "base/html.h"

namespace nevus {
namespace {

// The unit square on the canvas.
constexpr double kLeft = 54;
constexpr double kTop = 12;
constexpr double kWidth = 292;
constexpr double kHeight = 268;

double X(double x) { return kLeft + std::clamp(x, 0.0, 1.0) * kWidth; }
double Y(double y) { return kTop + (1 - std::clamp(y, 0.0, 1.0)) * kHeight; }

std::string Path(const std::vector<ChartPoint>& points) {
  std::string path;
  for (const ChartPoint& point : points) {
    absl::StrAppendFormat(&path, "%s%.1f %.1f", path.empty() ? "M" : "L",
                          X(point.x), Y(point.y));
  }
  return path;
}

}  // namespace

Chart::Chart(const std::string& title, const std::string& description,
             const std::string& x_label, const std::string& y_label) {
  absl::StrAppendFormat(
      &svg_,
      "<svg viewBox=\"0 0 360 330\" role=\"img\" aria-label=\"%s: %s\">\n",
      EscapeHtml(title), EscapeHtml(description));
  for (int quarter = 0; quarter <= 4; ++quarter) {
    const double at = quarter / 4.0;
    absl::StrAppendFormat(
        &svg_,
        "<path class=\"grid\" d=\"M%.1f %.1fH%.1fM%.1f %.1fV%.1f\"/>"
        "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" "
        "text-anchor=\"middle\">%g</text>"
        "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" "
        "text-anchor=\"end\">%g</text>\n",
        kLeft, Y(at), kLeft + kWidth, X(at), kTop, kTop + kHeight, X(at),
        kTop + kHeight + 17, at, kLeft - 8, Y(at) + 4, at);
  }
  absl::StrAppendFormat(
      &svg_,
      "<text class=\"axis\" x=\"%.1f\" y=\"%.1f\" "
      "text-anchor=\"middle\">%s</text>"
      "<text class=\"axis\" transform=\"translate(12 %.1f) rotate(-90)\" "
      "text-anchor=\"middle\">%s</text>\n",
      X(0.5), kTop + kHeight + 38, EscapeHtml(x_label), Y(0.5),
      EscapeHtml(y_label));
}

void Chart::Area(const std::vector<ChartPoint>& points) {
  if (points.empty()) return;
  absl::StrAppendFormat(&svg_, "<path class=\"area\" d=\"%sV%.1fH%.1fZ\"/>\n",
                        Path(points), Y(0), X(points.front().x));
}

void Chart::Line(const std::vector<ChartPoint>& points) {
  absl::StrAppendFormat(&svg_, "<path class=\"line\" d=\"%s\"/>\n",
                        Path(points));
}

void Chart::Reference(const ChartPoint& from, const ChartPoint& to) {
  absl::StrAppendFormat(&svg_, "<path class=\"reference\" d=\"%s\"/>\n",
                        Path({from, to}));
}

void Chart::DotWithInterval(const ChartPoint& point, double low, double high) {
  absl::StrAppendFormat(
      &svg_,
      "<path class=\"bar\" d=\"M%.1f %.1fV%.1f\"/>"
      "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n",
      X(point.x), Y(low), Y(high), X(point.x), Y(point.y));
}

void Chart::Marker(const ChartPoint& point, const std::string& text,
                   const std::string& tooltip) {
  absl::StrAppendFormat(
      &svg_,
      "<g class=\"marker\"><title>%s</title>"
      "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"8.5\"/>"
      "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text></g>\n",
      EscapeHtml(tooltip), X(point.x), Y(point.y), X(point.x), Y(point.y) + 4,
      EscapeHtml(text));
}

std::string Chart::Svg() const { return svg_ + "</svg>\n"; }

}  // namespace nevus

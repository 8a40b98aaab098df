// ... -> evaluation -> [report]: a table of calibration figures, and a
// paragraph on abstention.
#include "compute/evaluation/honesty_section.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compute/evaluation/calibration_fit.h"

namespace nevus {
namespace {

std::string WithInterval(double value, const Interval& interval) {
  if (std::isnan(value)) return "\u2013";
  return absl::StrFormat("%.2f<small>%.2f\u2013%.2f</small>", value,
                         interval.low, interval.high);
}

std::string FiguresRow(const std::string& name,
                       const CalibrationFigures& figures) {
  return absl::StrFormat(
      "<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td><td>%.3f</td>"
      "<td>%.3f</td><td>%.3f</td></tr>\n",
      name, WithInterval(figures.fit.slope, figures.fit.slope_ci95),
      WithInterval(figures.fit.intercept, figures.fit.intercept_ci95),
      figures.expected_error, figures.brier, figures.log_loss);
}

std::string Abstention(const AbstentionSummary& summary) {
  std::string html = absl::StrFormat(
      "<p>The model abstains where a feature is farther from its training "
      "features than %.3g. Here that is so for %d of %d cases "
      "(%.1f\u00a0%%), %d of them positive. ",
      summary.threshold, summary.abstained, summary.cases,
      100.0 * static_cast<double>(summary.abstained) /
          static_cast<double>(summary.cases),
      summary.positives);
  if (summary.auc_of_others.has_value()) {
    absl::StrAppendFormat(&html, "Over the others the area is %.3f. ",
                          *summary.auc_of_others);
  }
  return html +
         "All other figures count all cases. Blurred, tiny and one-coloured "
         "images, on which serving abstains too, are not looked for "
         "here.</p>\n";
}

}  // namespace

std::string HonestySection(const Evaluation& evaluation) {
  std::string html =
      "<h2>What a probability means</h2>\n<p class=\"soft\">Slope 1 and "
      "intercept 0 are right. A slope below 1: too extreme; an intercept below "
      "0: too high. With 95\u00a0% intervals.</p>\n<div class=\"card "
      "scroll\"><table>\n<caption>Calibration on these cases</caption>\n"
      "<thead><tr><th scope=\"col\">Probabilities</th><th scope=\"col\">Slope"
      "</th><th scope=\"col\">Intercept</th><th scope=\"col\">Expected "
      "error</th><th scope=\"col\">Brier score</th><th scope=\"col\">Log loss"
      "</th></tr></thead>\n<tbody>\n";
  if (evaluation.uncalibrated.has_value()) {
    absl::StrAppend(&html,
                    FiguresRow("before calibration", *evaluation.uncalibrated));
  }
  absl::StrAppend(&html, FiguresRow("as served", evaluation.calibrated),
                  "</tbody></table></div>\n");
  if (evaluation.abstention.has_value()) {
    absl::StrAppend(&html, Abstention(*evaluation.abstention));
  }
  return html;
}

}  // namespace nevus

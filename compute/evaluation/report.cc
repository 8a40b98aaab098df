// The page, section by section. ... -> evaluation -> [report].
//
// Whoever reads it may be no statistician: each figure stands with its interval
// and a sentence that says what it means.
#include "compute/evaluation/report.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/html.h"
#include "compute/evaluation/chart.h"
#include "compute/evaluation/honesty_section.h"
#include "compute/evaluation/page_style.h"

namespace nevus {
namespace {

constexpr char kDash[] = "\u2013";

std::string Percent(double fraction) {
  return std::isnan(fraction) ? kDash
                              : absl::StrFormat("%.1f\u00a0%%", 100 * fraction);
}

std::string PercentInterval(const Interval& interval) {
  return absl::StrFormat("%.1f%s%.1f", 100 * interval.low, kDash,
                         100 * interval.high);
}

std::string Head(const ReportInput& input) {
  std::string html = absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n<title>",
      input.synthetic ? "SYNTHETIC: " : "", EscapeHtml(input.title),
      "</title>\n<style>", kPageStyle,
      "</style>\n</head>\n<body>\n<main>\n<header>\n<p class=\"eyebrow\">");
  if (input.synthetic)
    absl::StrAppend(&html, "<span class=\"badge\">SYNTHETIC</span>");
  absl::StrAppend(
      &html, "Nevus evaluation report</p>\n<h1>", EscapeHtml(input.title),
      "</h1>\n</header>\n",
      "<div class=\"notice\"><p><strong>For research use only. This "
      "is not a medical device.</strong> ");
  if (input.synthetic) {
    absl::StrAppend(&html,
                    "The model learned from images that a program invented, "
                    "or is judged on such: the figures say nothing about skin "
                    "or patients. ");
  }
  absl::StrAppend(
      &html,
      "The figures describe these cases alone; other cameras, "
      "clinics and skin types will give others. No decision about a "
      "patient may rest on them.</p></div>\n");
  return html;
}

std::string Tile(const std::string& name, const std::string& value,
                 const std::string& aside) {
  return absl::StrCat("<div class=\"card tile\"><div class=\"name\">", name,
                      "</div><div class=\"value\">", value,
                      "</div><div class=\"aside\">", aside, "</div></div>\n");
}

std::string Summary(const Evaluation& evaluation) {
  const int64_t total = evaluation.positives + evaluation.negatives;
  const double prevalence =
      static_cast<double>(evaluation.positives) / static_cast<double>(total);
  const AucResult& auc = evaluation.auc;
  return absl::StrCat(
      "<section class=\"tiles\" aria-label=\"Summary\">\n",
      Tile("Area under the ROC curve", absl::StrFormat("%.3f", auc.auc),
           absl::StrFormat("95\u00a0%% interval %.3f%s%.3f (DeLong)",
                           auc.ci95.low, kDash, auc.ci95.high)),
      Tile(
          "Cases", absl::StrCat(total),
          absl::StrFormat("%d positive (%s), %d negative", evaluation.positives,
                          Percent(prevalence), evaluation.negatives)),
      Tile("Average precision",
           absl::StrFormat("%.3f", evaluation.average_precision),
           absl::StrFormat("guessing gets %.3f", prevalence)),
      Tile("Brier score", absl::StrFormat("%.3f", evaluation.brier),
           absl::StrFormat("the prevalence for everyone gets %.3f",
                           prevalence * (1 - prevalence))),
      "</section>\n");
}

// "1 youden (threshold 0.412); 2 sensitivity_95 (...)", escaped.
std::string MarkerLegend(const Evaluation& evaluation) {
  std::string legend;
  for (size_t i = 0; i < evaluation.points.size(); ++i) {
    const OperatingPoint& point = evaluation.points[i].point;
    absl::StrAppendFormat(&legend, "%s<strong>%d</strong> %s (%.3f)",
                          i == 0 ? " Thresholds: " : ", ", i + 1,
                          EscapeHtml(point.name), point.threshold);
  }
  return legend.empty() ? "" : legend + ".";
}

std::string Figure(const std::string& title, const Chart& chart,
                   const std::string& caption) {
  return absl::StrCat("<figure class=\"card\"><h3>", title, "</h3>\n",
                      chart.Svg(), "<figcaption>", caption,
                      "</figcaption></figure>\n");
}

std::string RocFigure(const Evaluation& evaluation) {
  std::vector<ChartPoint> points;
  for (const RocPoint& point : evaluation.roc) {
    points.push_back({1 - point.specificity, point.sensitivity});
  }
  Chart chart("ROC curve", absl::StrFormat("area %.3f", evaluation.auc.auc),
              "1 \u2212 specificity (false alarms)", "sensitivity");
  chart.Area(points);
  chart.Reference({0, 0}, {1, 1});
  chart.Line(points);
  for (size_t i = 0; i < evaluation.points.size(); ++i) {
    const AtPoint& at = evaluation.points[i];
    chart.Marker({1 - at.specificity, at.sensitivity}, absl::StrCat(i + 1),
                 at.point.name);
  }
  return Figure("ROC curve", chart,
                "Each place on the curve is a threshold. Dashed: guessing." +
                    MarkerLegend(evaluation));
}

std::string PrecisionRecallFigure(const Evaluation& evaluation) {
  std::vector<ChartPoint> points;
  for (const PrecisionRecallPoint& point : evaluation.precision_recall) {
    points.push_back({point.recall, point.precision});
  }
  const double prevalence =
      static_cast<double>(evaluation.positives) /
      static_cast<double>(evaluation.positives + evaluation.negatives);
  Chart chart(
      "Precision and recall",
      absl::StrFormat("average precision %.3f", evaluation.average_precision),
      "recall (sensitivity)", "precision");
  chart.Reference({0, prevalence}, {1, prevalence});
  chart.Line(points);
  for (size_t i = 0; i < evaluation.points.size(); ++i) {
    const AtPoint& at = evaluation.points[i];
    if (std::isnan(at.ppv)) continue;
    chart.Marker({at.sensitivity, at.ppv}, absl::StrCat(i + 1), at.point.name);
  }
  return Figure("Precision and recall", chart,
                "Of those called positive, how many are. Dashed: the share of "
                "positives among these cases.");
}

std::string CalibrationFigure(const Evaluation& evaluation) {
  Chart chart("Calibration",
              absl::StrFormat("Brier score %.3f", evaluation.brier),
              "predicted probability", "observed frequency");
  chart.Reference({0, 0}, {1, 1});
  std::vector<ChartPoint> points;
  for (const CalibrationBin& bin : evaluation.calibration) {
    points.push_back({bin.mean_score, bin.observed});
  }
  chart.Line(points);
  for (const CalibrationBin& bin : evaluation.calibration) {
    chart.DotWithInterval({bin.mean_score, bin.observed}, bin.ci95.low,
                          bin.ci95.high);
  }
  return Figure("Calibration", chart,
                "Groups of about equal count by predicted probability, with "
                "95\u00a0% intervals. On the dashed line a prediction of "
                "30\u00a0% comes true in 30 of 100.");
}

std::string OperatingPointTable(const Evaluation& evaluation) {
  std::string html =
      "<h2>Decisions</h2>\n<p class=\"soft\">A case is called positive when "
      "its "
      "probability reaches the threshold. Thresholds are chosen on the "
      "validation split, never on test cases.</p>\n<div class=\"card scroll\">"
      "<table>\n<caption>Figures at each operating point, with 95\u00a0% "
      "intervals (Wilson)</caption>\n<thead><tr><th scope=\"col\">Operating "
      "point</th><th scope=\"col\">Threshold</th><th "
      "scope=\"col\">Sensitivity</th><th scope=\"col\">Specificity</th><th "
      "scope=\"col\">PPV<small>right among called positive</small></th><th "
      "scope=\"col\">NPV<small>right among called negative</small></th>"
      "</tr></thead>\n"
      "<tbody>\n";
  for (size_t i = 0; i < evaluation.points.size(); ++i) {
    const AtPoint& at = evaluation.points[i];
    absl::StrAppendFormat(
        &html,
        "<tr><th scope=\"row\">%d\u2002%s</th><td>%.3f</td><td>%s<small>%s"
        "</small></td><td>%s<small>%s</small></td><td>%s</td><td>%s</td></"
        "tr>\n",
        i + 1, EscapeHtml(at.point.name), at.point.threshold,
        Percent(at.sensitivity), PercentInterval(at.sensitivity_ci95),
        Percent(at.specificity), PercentInterval(at.specificity_ci95),
        Percent(at.ppv), Percent(at.npv));
  }
  return html + "</tbody></table></div>\n";
}

// One cell of a confusion matrix; `row_total` decides how deep its colour is.
std::string Cell(bool right, int64_t count, int64_t row_total,
                 const std::string& name) {
  const double share =
      static_cast<double>(count) / static_cast<double>(row_total);
  return absl::StrFormat(
      "<td class=\"%s\" style=\"--share:%.3f\">%d<small>%s</small></td>",
      right ? "right" : "wrong", share, count, name);
}

std::string ConfusionMatrices(const Evaluation& evaluation) {
  std::string html = "<div class=\"matrices\" style=\"margin-top:16px\">\n";
  for (size_t i = 0; i < evaluation.points.size(); ++i) {
    const AtPoint& at = evaluation.points[i];
    const Confusion& n = at.confusion;
    absl::StrAppend(
        &html, "<div class=\"card\"><h3>", i + 1, "\u2002",
        EscapeHtml(at.point.name),
        "</h3><table class=\"matrix\"><thead><tr><td></td><th "
        "scope=\"col\">called positive</th><th scope=\"col\">called "
        "negative</th></tr></thead><tbody>\n<tr><th scope=\"row\">is "
        "positive</th>",
        Cell(true, n.tp, n.tp + n.fn, "found"),
        Cell(false, n.fn, n.tp + n.fn, "missed"),
        "</tr>\n<tr><th scope=\"row\">is negative</th>",
        Cell(false, n.fp, n.fp + n.tn, "false alarms"),
        Cell(true, n.tn, n.fp + n.tn, "rightly cleared"),
        "</tr></tbody></table></div>\n");
  }
  return html + "</div>\n";
}

std::string LabelTable(const Evaluation& evaluation) {
  std::string html =
      "<h2>By diagnosis</h2>\n<div class=\"card scroll\"><table>\n"
      "<caption>How many of each diagnosis are called positive</caption>\n"
      "<thead><tr><th scope=\"col\">Diagnosis</th><th scope=\"col\">Cases</th>"
      "<th scope=\"col\">Mean probability</th>";
  for (const AtPoint& at : evaluation.points) {
    absl::StrAppend(&html, "<th scope=\"col\">Positive at ",
                    EscapeHtml(at.point.name), "</th>");
  }
  absl::StrAppend(&html, "</tr></thead>\n<tbody>\n");
  for (const auto& [label, summary] : evaluation.by_label) {
    absl::StrAppendFormat(
        &html, "<tr><th scope=\"row\">%s</th><td>%d</td><td>%.3f</td>",
        EscapeHtml(label), summary.count, summary.mean_score);
    for (const int64_t called : summary.called_positive) {
      absl::StrAppendFormat(&html, "<td>%d<small>%s</small></td>", called,
                            Percent(static_cast<double>(called) /
                                    static_cast<double>(summary.count)));
    }
    absl::StrAppend(&html, "</tr>\n");
  }
  return html + "</tbody></table></div>\n";
}

std::string Example(const ReportCase& one) {
  std::string image;
  if (!one.image_bytes.empty() && absl::StartsWith(one.mime_type, "image/")) {
    image =
        absl::StrCat("<img alt=\"\" src=\"data:", EscapeHtml(one.mime_type),
                     ";base64,", absl::Base64Escape(one.image_bytes), "\">");
  }
  return absl::StrCat("<figure class=\"example\">", image, "<figcaption><b>",
                      absl::StrFormat("%.3f", one.probability), "</b> ",
                      EscapeHtml(one.label), "<br>", EscapeHtml(one.id),
                      "</figcaption></figure>\n");
}

// The four outcomes, in the order in which a reader should see them.
struct Kind {
  bool positive;
  bool called;
  const char* title;
  const char* explanation;
};
constexpr Kind kKinds[] = {
    {true, false, "Missed",
     "positive, yet the surest of being called negative"},
    {false, true, "False alarms",
     "negative, yet the surest of being called positive"},
    {true, true, "Found", "positive and surest of it"},
    {false, false, "Rightly cleared", "negative and surest of it"},
};

bool IsOfKind(const Kind& kind, const Scored& one, double threshold) {
  return one.positive == kind.positive &&
         (one.score >= threshold) == kind.called;
}

std::string Examples(const ReportInput& input) {
  const double threshold = input.evaluation.points.empty()
                               ? 0.5
                               : input.evaluation.points[0].point.threshold;
  std::vector<Scored> scored;
  for (const ReportCase& one : input.cases) {
    scored.push_back({one.probability, one.positive});
  }
  const std::vector<size_t> order =
      ChooseExamples(scored, threshold, scored.size());
  std::string html = absl::StrFormat(
      "<h2>Examples</h2>\n<p class=\"soft\">The cases of which the classifier "
      "was surest, right and wrong, at the threshold %.3f. The number is the "
      "probability it gave.</p>\n",
      threshold);
  for (const Kind& kind : kKinds) {
    std::string figures;
    for (const size_t i : order) {
      if (IsOfKind(kind, scored[i], threshold)) {
        absl::StrAppend(&figures, Example(input.cases[i]));
      }
    }
    if (figures.empty()) continue;
    absl::StrAppend(&html, "<section class=\"kind\"><h3>", kind.title,
                    " <span class=\"soft\">", kDash, " ", kind.explanation,
                    "</span></h3>\n<div class=\"examples\">\n", figures,
                    "</div></section>\n");
  }
  return html;
}

std::string Facts(const ReportInput& input) {
  std::string html =
      "<h2>Where this comes from</h2>\n<div class=\"card\"><table "
      "class=\"facts\"><tbody>\n";
  for (const auto& [name, value] : input.facts) {
    absl::StrAppend(&html, "<tr><th scope=\"row\">", EscapeHtml(name),
                    "</th><td>", EscapeHtml(value), "</td></tr>\n");
  }
  return html + "</tbody></table></div>\n";
}

}  // namespace

std::vector<size_t> ChooseExamples(const std::vector<Scored>& scored,
                                   double threshold, size_t per_kind) {
  std::vector<size_t> chosen;
  for (const Kind& kind : kKinds) {
    std::vector<size_t> of_kind;
    for (size_t i = 0; i < scored.size(); ++i) {
      if (IsOfKind(kind, scored[i], threshold)) of_kind.push_back(i);
    }
    std::stable_sort(of_kind.begin(), of_kind.end(), [&](size_t a, size_t b) {
      return kind.called ? scored[a].score > scored[b].score
                         : scored[a].score < scored[b].score;
    });
    of_kind.resize(std::min(of_kind.size(), per_kind));
    chosen.insert(chosen.end(), of_kind.begin(), of_kind.end());
  }
  return chosen;
}

std::string RenderReport(const ReportInput& input) {
  const Evaluation& evaluation = input.evaluation;
  std::string html = Head(input);
  absl::StrAppend(
      &html, Summary(evaluation),
      "<h2>How well it ranks and how honest it is</h2>\n"
      "<p class=\"soft\">Of a random positive and a random negative "
      "case, the classifier ranks the positive one higher in ",
      absl::StrFormat("%.0f", 100 * evaluation.auc.auc),
      " of 100 pairs.</p>\n<div class=\"charts\">\n", RocFigure(evaluation),
      PrecisionRecallFigure(evaluation), CalibrationFigure(evaluation),
      "</div>\n", HonestySection(evaluation));
  if (!evaluation.points.empty()) {
    absl::StrAppend(&html, OperatingPointTable(evaluation),
                    ConfusionMatrices(evaluation));
  }
  if (!evaluation.by_label.empty()) {
    absl::StrAppend(&html, LabelTable(evaluation));
  }
  if (!input.cases.empty()) absl::StrAppend(&html, Examples(input));
  if (!input.facts.empty()) absl::StrAppend(&html, Facts(input));
  absl::StrAppend(&html,
                  "<footer>Written by Nevus. For research use only; not a "
                  "medical device. Formulas and sources: docs/evaluation.md."
                  "</footer>\n</main>\n</body>\n</html>\n");
  return html;
}

}  // namespace nevus

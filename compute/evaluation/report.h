// The report: an evaluation as one page that can be mailed, printed and kept.
//
// ... -> prediction -> evaluation -> [report]. A pure function from figures to
// HTML. It reads no store and no clock: who calls brings images, names and
// date.
#ifndef NEVUS_COMPUTE_EVALUATION_REPORT_H_
#define NEVUS_COMPUTE_EVALUATION_REPORT_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "compute/evaluation/evaluation.h"
#include "compute/evaluation/metrics.h"

namespace nevus {

// A case to be shown with its image.
struct ReportCase {
  std::string id;
  std::string label;  // the true diagnosis
  bool positive = false;
  double probability = 0;
  std::string image_bytes;  // an encoded file a browser shows; may be empty
  std::string mime_type;    // "image/jpeg"; not shown unless it begins "image/"
};

struct ReportInput {
  std::string title;
  bool synthetic = false;  // invented images: the page says so at its head
  // Where the numbers come from, in this order: model, dataset, feature space,
  // digests, job, date.
  std::vector<std::pair<std::string, std::string>> facts;
  Evaluation evaluation;
  std::vector<ReportCase> cases;  // see ChooseExamples; all are shown
};

// One HTML5 page in UTF-8: no script, no font, image or style from elsewhere.
// All texts given are escaped. Cases are sorted into found, missed, false
// alarms and rightly cleared by the evaluation's first operating point (0.5 if
// none).
std::string RenderReport(const ReportInput& input);

// Of each of the four kinds the `per_kind` cases of which the classifier was
// surest, as indices into `scored`: those whose images a report should show.
std::vector<size_t> ChooseExamples(const std::vector<Scored>& scored,
                                   double threshold, size_t per_kind);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EVALUATION_REPORT_H_

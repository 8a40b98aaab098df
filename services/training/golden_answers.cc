#include "services/training/golden_answers.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/classifier/head.h"
#include "compute/feature/feature_extractor.h"
#include "compute/feature/golden.h"
#include "services/extraction/extractor_source.h"
#include "services/runtime/convert.h"

namespace nevus {

absl::Status AddGoldenAnswers(const Peers& peers, TaskContext& context,
                              v1::Model& model) {
  ASSIGN_OR_RETURN(const Head head, ToHead(model.head()));
  const absl::StatusOr<std::unique_ptr<FeatureExtractor>> extractor =
      LoadExtractor(peers, model.space(), FeatureExtractorOptions(),
                    context.calls());
  const std::string reason = ReasonOf(extractor.status());
  if (reason == "ARITHMETIC_UNSUPPORTED" ||
      reason == "FEATURE_SPACE_MISMATCH") {
    context.Log(absl::StrCat(
        "the model is kept without golden answers, and servers will not check "
        "it: ",
        extractor.status().message()));
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(extractor.status());
  ASSIGN_OR_RETURN(const std::vector<Golden> answers,
                   MakeGolden(**extractor, head));
  model.mutable_head()->clear_golden();
  for (const Golden& answer : answers) {
    v1::GoldenAnswer& added = *model.mutable_head()->add_golden();
    added.set_image(answer.image);
    *added.mutable_feature() = {answer.feature.begin(), answer.feature.end()};
    added.set_logit(answer.logit);
  }
  return absl::OkStatus();
}

}  // namespace nevus

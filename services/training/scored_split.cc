#include "services/training/scored_split.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/classifier/classifier.h"
#include "compute/classifier/head.h"
#include "services/runtime/convert.h"
#include "services/runtime/peer_reads.h"
#include "services/training/split_check.h"

namespace nevus {

absl::StatusOr<ScoredSplit> ScoreSplit(const Peers& peers,
                                       const std::string& dataset,
                                       int64_t version, v1::Split split,
                                       const v1::Model& model,
                                       const grpc::ServerContext* caller) {
  ScoredSplit rows;
  ASSIGN_OR_RETURN(rows.examples,
                   ReadExamples(peers, dataset, version, {split}, caller));
  RETURN_IF_ERROR(CheckBothClasses(absl::StrCat(dataset, "@", version), split,
                                   rows.examples, model.positive()));
  ASSIGN_OR_RETURN(const Classifier classifier, ToClassifier(model));
  const int inputs = classifier.head.inputs;
  ASSIGN_OR_RETURN(const std::vector<float> features,
                   ReadFeatures(peers, model.space().digest(), inputs,
                                ImagesOf(rows.examples), caller));
  for (size_t row = 0; row < rows.examples.size(); ++row) {
    const Judgement judgement =
        Judge(classifier, &features[row * static_cast<size_t>(inputs)]);
    const bool positive = IsPositive(rows.examples[row], model.positive());
    rows.scored.push_back({judgement.probability, positive});
    rows.uncalibrated.push_back({Probability(judgement.logit), positive});
    rows.abstained.push_back(judgement.out_of_distribution);
  }
  return rows;
}

}  // namespace nevus

#include "services/training/scored_split.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/packed_floats.h"
#include "base/status.h"
#include "compute/classifier/classifier.h"
#include "compute/classifier/head.h"
#include "services/runtime/convert.h"
#include "services/runtime/peer_reads.h"
#include "services/training/feature_check.h"
#include "services/training/split_check.h"

namespace nevus {

absl::StatusOr<ScoredSplit> ScoreSplit(const Peers& peers,
                                       const std::string& dataset,
                                       int64_t version, v1::Split split,
                                       const v1::Model& model,
                                       PeerCaller caller) {
  ScoredSplit rows;
  ASSIGN_OR_RETURN(rows.examples,
                   ReadExamples(peers, dataset, version, {split}, caller));
  RETURN_IF_ERROR(CheckBothClasses(absl::StrCat(dataset, "@", version), split,
                                   rows.examples, model.positive()));
  RETURN_IF_ERROR(CheckFeatures(
      peers, model.space().digest(), rows.examples,
      ExtractCommand(absl::StrCat(dataset, "@", version), model), caller));
  ASSIGN_OR_RETURN(const Classifier classifier, ToClassifier(model));
  const int inputs = classifier.head.inputs;
  std::vector<float> feature(inputs);
  RETURN_IF_ERROR(ReadPackedFeatures(
      peers, model.space().digest(), inputs, ImagesOf(rows.examples), caller,
      [&](std::string_view packed) {
        UnpackFloats(packed, feature.size(), feature.data());
        const Judgement judgement = Judge(classifier, feature.data());
        const bool positive =
            IsPositive(rows.examples[rows.scored.size()], model.positive());
        rows.scored.push_back({judgement.probability, positive});
        rows.uncalibrated.push_back({Probability(judgement.logit), positive});
        rows.abstained.push_back(judgement.out_of_distribution);
        return absl::OkStatus();
      }));
  return rows;
}

}  // namespace nevus

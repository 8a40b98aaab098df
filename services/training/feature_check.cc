#include "services/training/feature_check.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "services/runtime/peer_reads.h"
#include "services/training/split_check.h"

namespace nevus {

std::string ExtractCommand(const std::string& dataset,
                           const v1::TrainRequest& flags) {
  std::string command =
      absl::StrCat("nevus extract ", dataset, " --backbone ", flags.backbone());
  if (!flags.cut().empty()) absl::StrAppend(&command, " --cut ", flags.cut());
  if (!flags.pooling().empty()) {
    absl::StrAppend(&command, " --pool ", flags.pooling());
  }
  if (!flags.precision().empty()) {
    absl::StrAppend(&command, " --precision ", flags.precision());
  }
  if (flags.views() > 1) {
    absl::StrAppend(&command, " --views ", flags.views());
  }
  if (!flags.values().empty()) {
    absl::StrAppend(&command, " --values ", flags.values());
  }
  return command;
}

std::string ExtractCommand(const std::string& dataset, const v1::Model& model) {
  v1::TrainRequest flags;
  flags.set_backbone(model.lineage().backbone_name());
  flags.set_cut(model.space().cut());
  flags.set_pooling(model.space().pooling());
  flags.set_precision(model.space().arithmetic());
  flags.set_views(model.space().views());
  flags.set_values(model.space().values());
  std::string command = ExtractCommand(dataset, flags);
  // The ranges measured on the dataset that the model was trained on.
  if (!model.space().calibration().empty()) {
    absl::StrAppend(&command, " --calibrated-on ", model.lineage().dataset());
  }
  return command;
}

absl::Status CheckFeatures(const Peers& peers, const std::string& space,
                           const std::vector<v1::Example>& examples,
                           const std::string& remedy, PeerCaller caller) {
  const std::vector<std::string> rows = ImagesOf(examples);
  const std::set<std::string> images(rows.begin(), rows.end());
  ASSIGN_OR_RETURN(const std::vector<std::string> missing,
                   FindMissingFeatures(peers, space,
                                       {images.begin(), images.end()}, caller));
  if (missing.empty()) return absl::OkStatus();
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          missing.size(), " of ", images.size(),
          " images have no feature in this space; all are needed. Run `",
          remedy, "`")),
      "FEATURES_MISSING", {{"missing", absl::StrCat(missing.size())}});
}

}  // namespace nevus

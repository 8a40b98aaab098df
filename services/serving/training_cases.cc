#include "services/serving/training_cases.h"

#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status.h"
#include "services/runtime/peer_reads.h"
#include "services/training/split_check.h"

namespace nevus {
namespace {

// How often a call that waits looks whether it still has to.
constexpr absl::Duration kLook = absl::Milliseconds(50);

}  // namespace

absl::StatusOr<std::shared_ptr<const TrainingCases::Cases>> TrainingCases::Read(
    const Peers& peers, const v1::Model& model) {
  const v1::Lineage& lineage = model.lineage();
  // For all who wait, so not under the deadline of the one who came first.
  ASSIGN_OR_RETURN(
      const std::vector<v1::Example> examples,
      ReadExamples(peers, lineage.dataset(), lineage.dataset_version(),
                   {v1::TRAIN, v1::VALIDATION, v1::TEST}, nullptr));
  std::vector<std::string> left_out;
  const std::vector<v1::Example> learned =
      LearnableRows(examples, v1::TRAIN, left_out);
  ASSIGN_OR_RETURN(
      std::vector<float> features,
      ReadFeatures(peers, model.space().digest(), model.space().dimension(),
                   ImagesOf(learned), nullptr));
  std::vector<v1::NearestCase> rows;
  for (const v1::Example& example : learned) {
    v1::NearestCase& row = rows.emplace_back();
    row.set_id(example.id());
    row.set_image_digest(example.image_digest());
    row.set_label(example.label());
  }
  auto cases = std::make_shared<const Cases>(
      Cases{std::move(rows),
            NearestIndex(std::move(features), model.space().dimension())});
  Log("model.training_cases_read")
      .With("model", absl::StrCat(model.name(), "@", model.version()))
      .With("cases", cases->index.rows())
      .With("bytes", cases->index.bytes());
  return cases;
}

absl::StatusOr<std::shared_ptr<const TrainingCases::Cases>> TrainingCases::Get(
    const Peers& peers, const v1::Model& model,
    const grpc::ServerContext& call) {
  {
    MutexLock lock(mutex_);
    while (cases_ == nullptr && reading_) {
      if (call.IsCancelled()) {
        return absl::DeadlineExceededError(absl::StrCat(
            "the call ended while the training cases of ", model.name(), "@",
            model.version(),
            " were being read, which goes on. Ask again, with more time"));
      }
      read_.WaitFor(mutex_, kLook);
    }
    if (cases_ != nullptr) return cases_;
    reading_ = true;
  }
  // However it ends: gRPC survives an allocation that fails.
  const absl::Cleanup done = [this] {
    MutexLock lock(mutex_);
    reading_ = false;
    read_.NotifyAll();
  };
  ASSIGN_OR_RETURN(std::shared_ptr<const Cases> cases, Read(peers, model));
  MutexLock lock(mutex_);
  cases_ = cases;
  return cases;
}

absl::StatusOr<std::vector<v1::NearestCase>> TrainingCases::Nearest(
    const Peers& peers, const v1::Model& model, const float* feature,
    size_t count, const grpc::ServerContext& call) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const Cases> cases,
                   Get(peers, model, call));
  std::vector<v1::NearestCase> nearest;
  for (const Neighbour& neighbour : cases->index.Search(feature, count)) {
    nearest.push_back(cases->rows[neighbour.row]);
    nearest.back().set_distance(neighbour.distance);
  }
  return nearest;
}

}  // namespace nevus

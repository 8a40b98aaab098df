// Why? A heat map for one image, from the pass through the network that answers
// it.
#ifndef NEVUS_SERVICES_SERVING_EXPLANATION_H_
#define NEVUS_SERVICES_SERVING_EXPLANATION_H_

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/image/pixels.h"
#include "protos/nevus/v1/prediction.pb.h"
#include "services/serving/batcher.h"
#include "services/serving/serving_model.h"

namespace nevus {

// FAILED_PRECONDITION (HEAT_MAP_UNSUPPORTED) for features of several cuts,
// whose places are of several sizes.
absl::Status CheckExplainable(const ServingModel& model);

// A model for one image of one caller, who wants to look at the way of the
// answer. It stands in the queue like the model itself, in a batch of its own,
// so that nobody else pays for it; the answer has the same bits.
class ExplainedModel final : public BatchModel {
 public:
  // REQUIRES: CheckExplainable.
  explicit ExplainedModel(std::shared_ptr<ServingModel> model)
      : model_(std::move(model)) {}

  void Answer(const std::vector<std::string_view>& images,
              const Done& done) override;

  // Draws it, in the calling thread. REQUIRES: Answer answered. INTERNAL: as
  // EncodePng.
  absl::StatusOr<v1::HeatMap> Draw(const std::vector<float>& feature) const;

 private:
  const std::shared_ptr<ServingModel> model_;
  Pixels pixels_;
  std::vector<std::vector<float>> activations_;  // one a view
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_EXPLANATION_H_

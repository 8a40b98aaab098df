#include "services/serving/explanation.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/explanation/contribution_map.h"
#include "compute/explanation/overlay.h"
#include "compute/feature/feature_extractor.h"
#include "compute/image/encode_png.h"

namespace nevus {

absl::Status CheckExplainable(const ServingModel& model) {
  const size_t cuts = model.extractor()->cuts().size();
  if (cuts == 1) return absl::OkStatus();
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "model ", model.model().name(), "@", model.model().version(),
          " reads features of ", cuts,
          " cuts; there are heat maps for one cut only. Ask for none, or train "
          "a model on one cut")),
      "HEAT_MAP_UNSUPPORTED");
}

void ExplainedModel::Answer(const std::vector<std::string_view>& images,
                            const Done& done) {
  const Cut& cut = model_->extractor()->cuts()[0];
  const size_t size =
      static_cast<size_t>(cut.channels) * cut.height * cut.width;
  ExtractObserver observer;
  observer.pixels = [&](size_t, const Pixels& pixels) { pixels_ = pixels; };
  activations_.resize(static_cast<size_t>(model_->extractor()->spec().views));
  observer.activation = [&](size_t, int view, const float* activation) {
    activations_[static_cast<size_t>(view)].assign(activation,
                                                   activation + size);
  };
  model_->Answer(images, done, observer);
}

absl::StatusOr<v1::HeatMap> ExplainedModel::Draw(
    const std::vector<float>& feature) const {
  const FeatureExtractor& extractor = *model_->extractor();
  const ContributionMap map =
      MapContributions(model_->classifier().head, activations_, feature.data(),
                       extractor.cuts()[0], extractor.spec().pooling);
  v1::HeatMap result;
  ASSIGN_OR_RETURN(*result.mutable_overlay_png(),
                   EncodePng(DrawOverlay(pixels_, map)));
  result.set_width(map.width);
  result.set_height(map.height);
  *result.mutable_contributions() = {map.contributions.begin(),
                                     map.contributions.end()};
  result.set_base(map.base);
  return result;
}

}  // namespace nevus

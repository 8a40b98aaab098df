#include "services/serving/serving_model.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "compute/backbone/arithmetic.h"
#include "compute/classifier/head.h"
#include "compute/image/decode.h"
#include "compute/image/pixels.h"
#include "compute/image/quality.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/extraction/extractor_source.h"
#include "services/runtime/convert.h"
#include "services/runtime/peer_call.h"

namespace nevus {
namespace {

// Of the image as it came, although a large one is decoded reduced.
ImageQuality QualityOf(const Pixels& pixels, std::string_view image) {
  const absl::StatusOr<ImageHeader> header =
      ReadImageHeader(image, DecodeLimits());
  if (!header.ok() || header->width == pixels.width) {
    return MeasureQuality(pixels);
  }
  ImageQuality quality;
  if (std::max(pixels.width, pixels.height) >= kMeasuredSide) {
    quality = MeasureQuality(pixels);
  } else if (const auto whole = DecodeImage(image); whole.ok()) {
    // For a network whose input is smaller than what quality is measured on.
    quality = MeasureQuality(*whole);
  }
  quality.shorter_side = std::min(header->width, header->height);
  return quality;
}

absl::StatusOr<ImageAnswer> AnswerGolden(
    const std::shared_ptr<ServingModel>& model, const std::string& image,
    Batcher* batcher) {
  if (batcher == nullptr) {
    absl::StatusOr<ImageAnswer> found;
    model->Answer({image}, [&](size_t, absl::StatusOr<ImageAnswer> answer) {
      found = std::move(answer);
    });
    return found;
  }
  BatchRequest request;
  request.model = model;
  request.images = {image};
  request.own = true;
  ASSIGN_OR_RETURN(std::vector<absl::StatusOr<BatchedAnswer>> answers,
                   batcher->Answer(request));
  RETURN_IF_ERROR(answers[0].status());
  return std::move(answers[0]->answer);
}

}  // namespace

void ServingModel::Answer(const std::vector<std::string_view>& images,
                          const Done& done, const ExtractObserver& observer) {
  const Stopwatch watch;
  std::vector<ImageQuality> qualities(images.size());
  ExtractObserver both;
  both.pixels = [&](size_t i, const Pixels& pixels) {
    qualities[i] = QualityOf(pixels, images[i]);
    if (observer.pixels != nullptr) observer.pixels(i, pixels);
  };
  both.activation = observer.activation;
  extractor_->Extract(
      images, nullptr,
      [&](size_t i, const absl::StatusOr<std::vector<float>>& feature) {
        if (!feature.ok()) return done(i, feature.status());
        done(i, ImageAnswer{Logit(classifier_.head, feature->data()), *feature,
                            qualities[i]});
      },
      both);
  const absl::Duration took = absl::Seconds(watch.Seconds());
  MutexLock lock(mutex_);
  statistics_.batches[static_cast<int>(images.size())].Add(took);
  statistics_.computed.count += static_cast<int64_t>(images.size());
  statistics_.computed.time += took * static_cast<int64_t>(images.size());
}

int64_t ServingModel::own_bytes() const {
  const auto floats = [](const std::vector<float>& values) {
    return static_cast<int64_t>(values.capacity() * sizeof(float));
  };
  const Head& head = classifier_.head;
  int64_t bytes = floats(head.mean) + floats(head.inverse_std) +
                  floats(head.w1) + floats(head.b1) + floats(head.w2) +
                  static_cast<int64_t>(sizeof(*this));
  if (classifier_.ood.has_value()) {
    bytes += floats(classifier_.ood->mean) + floats(classifier_.ood->whitening);
  }
  return bytes;
}

void ServingModel::Count(bool answered, absl::Duration took,
                         absl::Duration wait, absl::Time now) {
  MutexLock lock(mutex_);
  if (!answered) {
    statistics_.failed.Add(took);
    return;
  }
  statistics_.answered.Add(took);
  statistics_.queue.Add(wait);
  statistics_.last_answer = now;
}

ModelStatistics ServingModel::statistics() const {
  MutexLock lock(mutex_);
  return statistics_;
}

absl::StatusOr<std::shared_ptr<ServingModel>> LoadServingModel(
    const Peers& peers, const std::string& name, int64_t version,
    const FeatureExtractorOptions& extraction, PeerCaller caller,
    const std::function<std::shared_ptr<FeatureExtractor>(
        const std::string& space)>& find_extractor) {
  const auto registry = v1::ModelService::NewStub(peers.ChannelTo("registry"));
  v1::GetModelRequest get;
  get.set_name(name);
  get.set_version(version);
  // For all who wait, so not under the deadline of the one who came first.
  ASSIGN_OR_RETURN(
      v1::Model model,
      CallPeer(*registry, &v1::ModelService::Stub::GetModel, get, caller));
  ASSIGN_OR_RETURN(Classifier classifier, ToClassifier(model));
  std::vector<Golden> golden;
  for (const v1::GoldenAnswer& answer : model.head().golden()) {
    golden.push_back({answer.image(),
                      {answer.feature().begin(), answer.feature().end()},
                      answer.logit()});
  }
  model.clear_head();
  std::shared_ptr<FeatureExtractor> extractor =
      find_extractor(model.space().digest());
  if (extractor == nullptr) {
    ASSIGN_OR_RETURN(extractor,
                     LoadExtractor(peers, model.space(), extraction, caller));
  }
  if (extractor->dimension() != classifier.head.inputs) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "model ", name, "@", version, " reads features of ",
            classifier.head.inputs, " numbers; its feature space has ",
            extractor->dimension(), ". Train it again")),
        "FEATURE_SPACE_MISMATCH");
  }
  return std::make_shared<ServingModel>(std::move(model), std::move(classifier),
                                        std::move(golden),
                                        std::move(extractor));
}

absl::Status ReproduceGolden(const std::shared_ptr<ServingModel>& model,
                             Batcher* batcher) {
  const Arithmetic arithmetic = model->extractor()->spec().arithmetic;
  // One at a time: clients' images that wait meanwhile take turns with them.
  for (const Golden& golden : model->golden()) {
    ASSIGN_OR_RETURN(const ImageAnswer answer,
                     AnswerGolden(model, golden.image, batcher));
    RETURN_IF_ERROR(
        Annotate(CheckGolden(golden, arithmetic, answer.feature, answer.logit),
                 absl::StrCat("model ", model->model().name(), "@",
                              model->model().version())));
  }
  return absl::OkStatus();
}

}  // namespace nevus

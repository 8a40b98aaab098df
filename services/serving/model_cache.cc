#include "services/serving/model_cache.h"

#include <algorithm>
#include <chrono>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/name.h"
#include "base/status.h"
#include "compute/image/pixels.h"
#include "compute/image/quality.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/extraction/extractor_source.h"
#include "services/runtime/convert.h"
#include "services/runtime/peer_call.h"

namespace nevus {
namespace {

// One in production, its successor, its predecessor, and one to compare with.
constexpr size_t kMaxModels = 4;

}  // namespace

std::vector<absl::StatusOr<ImageAnswer>> ServingModel::Answer(
    const std::vector<std::string_view>& images,
    const ExtractObserver& observer) {
  std::vector<ImageQuality> qualities(images.size());
  ExtractObserver both;
  both.pixels = [&](size_t i, const Pixels& pixels) {
    qualities[i] = MeasureQuality(pixels);
    if (observer.pixels != nullptr) observer.pixels(i, pixels);
  };
  both.activation = observer.activation;
  std::vector<absl::StatusOr<std::vector<float>>> features =
      extractor_->Extract(images, nullptr, both);
  std::vector<absl::StatusOr<ImageAnswer>> answers;
  for (size_t i = 0; i < images.size(); ++i) {
    if (features[i].ok()) {
      answers.push_back(ImageAnswer{*std::move(features[i]), qualities[i]});
    } else {
      answers.push_back(features[i].status());
    }
  }
  return answers;
}

absl::StatusOr<std::shared_ptr<ServingModel>> ModelCache::Get(
    const v1::PredictRequest& request, const grpc::ServerContext* call) {
  ASSIGN_OR_RETURN(const int64_t version, VersionOf(request, call));
  const std::string key = absl::StrCat(request.model(), "@", version);
  std::promise<Loaded> promise;
  std::shared_future<Loaded> model;
  bool load = false;
  {
    MutexLock lock(mutex_);
    const auto found =
        std::find_if(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return entry.key == key; });
    if (found != entries_.end()) {
      entries_.splice(entries_.begin(), entries_, found);
    } else {
      load = true;
      entries_.push_front({key, promise.get_future().share()});
      if (entries_.size() > kMaxModels) entries_.pop_back();
    }
    model = entries_.front().model;
  }
  if (load) {
    Loaded loaded = Load(request.model(), version);
    if (!loaded.ok()) {
      // The next call tries again.
      MutexLock lock(mutex_);
      entries_.remove_if([&](const Entry& entry) { return entry.key == key; });
    }
    promise.set_value(std::move(loaded));
  }
  return model.get();
}

absl::StatusOr<int64_t> ModelCache::VersionOf(const v1::PredictRequest& request,
                                              const grpc::ServerContext* call) {
  RETURN_IF_ERROR(CheckName("model", request.model()));
  if (request.version() < 0 ||
      (request.version() == 0) == request.alias().empty()) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "version ", request.version(), " and alias ",
            Quoted(request.alias()), " of model ", request.model(),
            " were given; exactly one is needed. Name a version such as 1, or "
            "an alias such as production")),
        "MODEL_REFERENCE_INVALID");
  }
  if (request.version() > 0) return request.version();
  const auto registry = v1::ModelService::NewStub(peers_.ChannelTo("registry"));
  v1::ListAliasesRequest list;
  list.set_model(request.model());
  ASSIGN_OR_RETURN(
      const v1::ListAliasesResponse aliases,
      CallPeer(*registry, &v1::ModelService::Stub::ListAliases, list, call));
  for (const v1::Alias& alias : aliases.aliases()) {
    if (alias.alias() == request.alias()) return alias.version();
  }
  // The registry says best what is missing.
  v1::GetModelRequest get;
  get.set_name(request.model());
  get.set_alias(request.alias());
  ASSIGN_OR_RETURN(
      const v1::Model model,
      CallPeer(*registry, &v1::ModelService::Stub::GetModel, get, call));
  return model.version();
}

ModelCache::Loaded ModelCache::Load(const std::string& name, int64_t version) {
  const auto registry = v1::ModelService::NewStub(peers_.ChannelTo("registry"));
  v1::GetModelRequest get;
  get.set_name(name);
  get.set_version(version);
  // For all who wait, so not under the deadline of the one who came first.
  ASSIGN_OR_RETURN(
      v1::Model model,
      CallPeer(*registry, &v1::ModelService::Stub::GetModel, get, nullptr));
  ASSIGN_OR_RETURN(Classifier classifier, ToClassifier(model));
  model.clear_head();
  std::shared_ptr<FeatureExtractor> extractor =
      FindExtractor(model.space().digest());
  if (extractor == nullptr) {
    FeatureExtractorOptions options;
    options.threads = threads_;
    ASSIGN_OR_RETURN(extractor, LoadExtractor(peers_, model.space(), options));
  }
  if (extractor->dimension() != classifier.head.inputs) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "model ", name, "@", version, " reads features of ",
            classifier.head.inputs, " numbers; its feature space has ",
            extractor->dimension(), ". Train it again")),
        "FEATURE_SPACE_MISMATCH");
  }
  Log("model.loaded")
      .With("model", absl::StrCat(name, "@", version))
      .With("digest", model.digest());
  return std::make_shared<ServingModel>(std::move(model), std::move(classifier),
                                        std::move(extractor));
}

std::shared_ptr<FeatureExtractor> ModelCache::FindExtractor(
    const std::string& space) {
  MutexLock lock(mutex_);
  for (const Entry& entry : entries_) {
    if (entry.model.wait_for(std::chrono::seconds(0)) !=
        std::future_status::ready) {
      continue;
    }
    const Loaded& loaded = entry.model.get();
    if (loaded.ok() && (*loaded)->extractor()->digest() == space) {
      return (*loaded)->extractor();
    }
  }
  return nullptr;
}

}  // namespace nevus

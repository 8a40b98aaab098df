#include "compute/feature/feature_extractor.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <future>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/omp_threads.h"
#include "compute/feature/feature_values.h"
#include "compute/feature/pooling.h"
#include "compute/feature/views.h"
#include "compute/image/pixels.h"
#include "compute/image/preprocess.h"
#include "compute/torch/layer_program.h"
#include "compute/torch/script_module.h"

namespace nevus {
namespace {

// Calls work(0) ... work(n-1), each once, on up to `threads` threads.
void InParallel(int n, int threads, const std::function<void(int)>& work) {
  std::atomic<int> next{0};
  const auto run = [&] {
    for (int i = next++; i < n; i = next++) work(i);
  };
  std::vector<std::thread> helpers;
  for (int i = 1; i < std::min(n, threads); ++i) helpers.emplace_back(run);
  run();
  for (std::thread& helper : helpers) helper.join();
}

absl::StatusOr<std::unique_ptr<DeviceProgram>> NewDeviceProgram(
    const Backbone& backbone, const std::vector<Cut>& cuts, int input_size,
    const DeviceProgramOptions& options) {
  if (backbone.script() != nullptr) {
    return backbone.script()->OnDevice(options, kGpuBatch);
  }
  std::vector<std::string> names;
  for (const Cut& cut : cuts) names.push_back(cut.name);
  const NetworkTable& table = *backbone.table();
  return LayerProgram::Create(CutAtAll(table.layers, names), table.weights,
                              names, input_size, options);
}

}  // namespace

absl::StatusOr<std::unique_ptr<FeatureExtractor>> FeatureExtractor::Create(
    const Backbone& backbone, const FeatureSpaceSpec& spec,
    const FeatureExtractorOptions& options) {
  const BackboneInfo& info = backbone.info();
  if (options.threads < 1 || options.max_batch < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        options.threads, " threads and batches of ", options.max_batch,
        " images are not possible; both are 1 or more. Raise them"));
  }
  if (spec.backbone_digest != info.digest ||
      spec.input_size != info.input_size) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "the feature space is of backbone ", spec.backbone_digest,
            " at input size ", spec.input_size, "; this one is ", info.digest,
            " at ", info.input_size,
            ". Use the backbone that the feature space names")),
        "BACKBONE_MISMATCH");
  }
  ASSIGN_OR_RETURN(std::vector<Cut> cuts, FindCuts(info, spec.cut));
  std::unique_ptr<Network> network;
  std::unique_ptr<DeviceNetwork> device_network;
  FeatureExtractorOptions taken = options;
  if (RunsOnGpu(spec.arithmetic) && !options.device.empty()) {
    taken.max_batch = kGpuBatch;
    ASSIGN_OR_RETURN(auto program,
                     NewDeviceProgram(backbone, cuts, spec.input_size,
                                      {options.device,
                                       spec.arithmetic == Arithmetic::kCudaBf16,
                                       /*channels_last=*/true}));
    ASSIGN_OR_RETURN(
        device_network,
        DeviceNetwork::Create(std::move(program), spec.input_size, kGpuBatch));
  } else {
    ASSIGN_OR_RETURN(network,
                     backbone.NewNetwork(spec.cut, spec.arithmetic,
                                         spec.calibration, options.threads));
  }
  return std::unique_ptr<FeatureExtractor>(
      new FeatureExtractor(std::move(network), std::move(device_network),
                           std::move(cuts), spec, taken));
}

FeatureExtractor::FeatureExtractor(
    std::unique_ptr<Network> network,
    std::unique_ptr<DeviceNetwork> device_network, std::vector<Cut> cuts,
    FeatureSpaceSpec spec, FeatureExtractorOptions options)
    : network_(std::move(network)),
      device_network_(std::move(device_network)),
      cuts_(std::move(cuts)),
      spec_(std::move(spec)),
      options_(std::move(options)),
      digest_(FeatureSpaceDigest(spec_)),
      dimension_(FeatureDimension(cuts_, spec_.pooling)) {
  planes_[0].resize(options_.max_batch * image_floats());
  if (device_network_ != nullptr) planes_[1] = planes_[0];
}

std::vector<absl::StatusOr<std::vector<float>>> FeatureExtractor::Extract(
    const std::vector<std::string_view>& images,
    const std::function<bool()>& cancelled, const OnFeature& done,
    const ExtractObserver& observer) {
  const std::function<absl::Status()> go_on = [&] {
    return cancelled != nullptr && cancelled()
               ? absl::CancelledError(
                     "the caller wanted no more features "
                     "before this one was computed")
               : absl::OkStatus();
  };
  // While a GPU computes, the processor decodes what comes next; else both
  // would want the same cores.
  const bool ahead = device_network_ != nullptr;
  const auto decode = [&](size_t begin, std::vector<float>& planes) {
    return std::async(
        ahead ? std::launch::async : std::launch::deferred,
        [&, begin] { return Decode(images, begin, go_on, observer, planes); });
  };
  std::vector<absl::StatusOr<std::vector<float>>> features(images.size());
  std::future<std::vector<absl::Status>> next;
  int which = 0;
  if (!images.empty()) next = decode(0, planes_[0]);
  for (size_t begin = 0; begin < images.size(); begin += options_.max_batch) {
    const std::vector<absl::Status> decoded = next.get();
    const std::vector<float>& planes = planes_[which];
    if (ahead) which = 1 - which;
    if (begin + decoded.size() < images.size()) {
      next = decode(begin + decoded.size(), planes_[which]);
    }
    if (ahead) {
      ForwardOnDevice(planes, go_on, decoded, begin, features, done, observer);
    } else {
      ForwardViews(planes, go_on, decoded, begin, features, done, observer);
    }
  }
  return features;
}

std::vector<absl::Status> FeatureExtractor::Decode(
    const std::vector<std::string_view>& images, size_t begin,
    const std::function<absl::Status()>& go_on, const ExtractObserver& observer,
    std::vector<float>& planes) const {
  const Preprocessing preprocessing{spec_.input_size, spec_.input_size,
                                    spec_.normalization};
  const int least_side = ReducedLeastSide(preprocessing);
  const int n = std::min<size_t>(options_.max_batch, images.size() - begin);
  std::vector<absl::Status> statuses(n);
  const auto decode = [&](int i) {
    if (statuses[i] = go_on(); !statuses[i].ok()) return;
    const absl::StatusOr<Pixels> pixels =
        DecodeImageReduced(images[begin + i], least_side, options_.limits);
    statuses[i] = pixels.status();
    if (!pixels.ok()) return;
    if (observer.pixels != nullptr) observer.pixels(begin + i, *pixels);
    Preprocess(*pixels, preprocessing, &planes[i * image_floats()]);
  };
  // Where OpenMP's helpers compute, they are there and awake.
  if (network_ != nullptr && network_->callers() == 1) {
    ForEachOnOmp(n, options_.threads, decode);
  } else {
    InParallel(n, options_.threads, decode);
  }
  return statuses;
}

void FeatureExtractor::ForwardViews(
    const std::vector<float>& planes,
    const std::function<absl::Status()>& go_on,
    const std::vector<absl::Status>& decoded, size_t first,
    std::vector<absl::StatusOr<std::vector<float>>>& features,
    const OnFeature& done, const ExtractObserver& observer) {
  const int views = spec_.views;
  const int jobs = static_cast<int>(decoded.size()) * views;
  std::vector<float> seen(size_t{1} * jobs * dimension_);
  std::vector<absl::Status> statuses(jobs);
  std::vector<std::atomic<int>> left(decoded.size());
  for (std::atomic<int>& count : left) count = views;
  InParallel(jobs, network_->callers(), [&](int job) {
    const int image = job / views;
    statuses[job] = decoded[image];
    if (statuses[job].ok()) statuses[job] = go_on();
    if (statuses[job].ok()) {
      statuses[job] = ForwardView(
          &planes[image * image_floats()], job % views,
          &seen[size_t{1} * job * dimension_], [&](const float* activation) {
            if (observer.activation == nullptr) return;
            observer.activation(first + image, job % views, activation);
          });
    }
    if (--left[image] > 0) return;
    features[first + image] =
        JoinViews(&statuses[size_t{1} * image * views],
                  &seen[size_t{1} * image * views * dimension_]);
    if (done != nullptr) done(first + image, features[first + image]);
  });
}

void FeatureExtractor::ForwardOnDevice(
    const std::vector<float>& planes,
    const std::function<absl::Status()>& go_on,
    const std::vector<absl::Status>& decoded, size_t first,
    std::vector<absl::StatusOr<std::vector<float>>>& features,
    const OnFeature& done, const ExtractObserver& observer) {
  const int views = spec_.views, n = static_cast<int>(decoded.size());
  const size_t floats = device_network_->activation_floats();
  std::vector<float> activations(n * floats);
  std::vector<float> seen(size_t{1} * n * views * dimension_);
  std::vector<absl::Status> statuses(size_t{1} * n * views);
  std::vector<float> turned(views > 1 ? n * image_floats() : 0);
  for (int view = 0; view < views; ++view) {
    absl::Status computed = go_on();
    if (computed.ok()) {
      // What did not decode goes along as what lay there before.
      const float* input = planes.data();
      for (int i = 0; view > 0 && i < n; ++i) {
        MakeView(&planes[i * image_floats()], /*channels=*/3, spec_.input_size,
                 view, &turned[i * image_floats()]);
        input = turned.data();
      }
      computed = device_network_->Forward(input, n, activations.data());
    }
    for (int i = 0; i < n; ++i) {
      absl::Status& status = statuses[i * views + view];
      status = decoded[i].ok() ? computed : decoded[i];
      if (!status.ok()) continue;
      const float* const activation = &activations[i * floats];
      if (observer.activation != nullptr) {
        observer.activation(first + i, view, activation);
      }
      status =
          Pool(activation, &seen[(size_t{1} * i * views + view) * dimension_]);
    }
  }
  for (int i = 0; i < n; ++i) {
    features[first + i] = JoinViews(&statuses[i * views],
                                    &seen[size_t{1} * i * views * dimension_]);
    if (done != nullptr) done(first + i, features[first + i]);
  }
}

absl::Status FeatureExtractor::ForwardView(
    const float* planes, int view, float* feature,
    const std::function<void(const float*)>& activated) const {
  if (view == 0) return ForwardOne(planes, feature, activated);
  std::vector<float> turned(image_floats());
  MakeView(planes, /*channels=*/3, spec_.input_size, view, turned.data());
  return ForwardOne(turned.data(), feature, activated);
}

absl::StatusOr<std::vector<float>> FeatureExtractor::JoinViews(
    const absl::Status* statuses, const float* seen) const {
  for (int view = 0; view < spec_.views; ++view) {
    RETURN_IF_ERROR(statuses[view]);
  }
  std::vector<float> feature(dimension_);
  MeanOfViews(seen, spec_.views, dimension_, feature.data());
  RoundFeature(spec_.values, feature.data(), feature.size());
  return feature;
}

absl::Status FeatureExtractor::Forward(const float* planes, int n,
                                       float* features) {
  std::vector<absl::Status> statuses(n);
  if (device_network_ != nullptr) {
    const size_t floats = device_network_->activation_floats();
    std::vector<float> activations(n * floats);
    RETURN_IF_ERROR(device_network_->Forward(planes, n, activations.data()));
    for (int i = 0; i < n; ++i) {
      RETURN_IF_ERROR(Pool(&activations[i * floats],
                           features + size_t{1} * i * dimension_));
    }
    return absl::OkStatus();
  }
  InParallel(n, network_->callers(), [&](int i) {
    statuses[i] = ForwardOne(planes + i * image_floats(),
                             features + size_t{1} * i * dimension_);
  });
  for (const absl::Status& status : statuses) RETURN_IF_ERROR(status);
  return absl::OkStatus();
}

absl::Status FeatureExtractor::ForwardOne(
    const float* planes, float* feature,
    const std::function<void(const float*)>& activated) const {
  // Not a vector: an early cut has 13 MB, not worth filling with zeros.
  const std::unique_ptr<float[]> activation(
      new float[FeatureDimension(cuts_, Pooling::kFlatten)]);
  RETURN_IF_ERROR(network_->Run(planes, activation.get()));
  if (activated != nullptr) activated(activation.get());
  return Pool(activation.get(), feature);
}

absl::Status FeatureExtractor::Pool(const float* activation,
                                    float* feature) const {
  PoolAll(activation, cuts_, spec_.pooling, feature);
  if (!std::all_of(feature, feature + dimension_,
                   [](float value) { return std::isfinite(value); })) {
    return WithReason(
        absl::InternalError(absl::StrCat(
            "the network's answer at cut ", spec_.cut,
            " is not finite; its weights overflow on this image. Check that "
            "the weights and the normalisation ",
            NormalizationName(spec_.normalization), " belong together")),
        "FEATURE_NOT_FINITE");
  }
  return absl::OkStatus();
}

}  // namespace nevus

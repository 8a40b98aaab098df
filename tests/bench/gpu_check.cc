// tools/gpu-check's program: VGG16 on a GPU, checked against the processor and
// measured. Compiled by Bazel for its test, and by tools/gpu-check alone, with
// a compiler and LibTorch, where the GPU is: so it includes nothing that the
// list there lacks, and its weights are drawn here.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status.h"
#include "compute/backbone/architecture.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/network_weights.h"
#include "compute/backbone/tensor.h"
#include "compute/backbone/vgg16.h"
#include "compute/torch/device.h"
#include "compute/torch/device_network.h"
#include "compute/torch/eager_network.h"
#include "compute/torch/layer_program.h"

namespace nevus {
namespace {

constexpr char kUsage[] =
    R"(Usage: gpu-check [--device cuda:0] [--input-size 224] [--batches 1,8,64,256]
                 [--images 512] [--threads 4]

Runs VGG16 without its classifier on the device, weights drawn at random.
Prints for fp32 and bf16 and each size of batch: the features' distance from
those of the processor in fp32 (relative L2; at most 1e-4 and 1e-2), whether an
image alone gets the bits that it gets in a full batch, images a second from
and to the machine's memory (--images of them, the best of three), and what part
that is of the rate of a large bf16 matrix product, measured as well.
Exits 1 if a distance is too large or an image's bits depend on the others.

  --device cpu   the same program on the processor, as its test does
  --threads N    of the processor, for its own features
)";

constexpr char kCut[] = "block5_pool";
constexpr int kChecked = 8;  // images that are compared with the processor's

struct Options {
  std::string device = "cuda:0";
  int input_size = 224;
  std::vector<int> batches = {1, 8, 64, 256};
  int images = 512;
  int threads = 4;
};

absl::Status BadFlag(const std::string& flag, const std::string& value) {
  return absl::InvalidArgumentError(flag + " was given \"" + value +
                                    "\"; try --help");
}

// Whole numbers from 1, separated by commas.
absl::StatusOr<std::vector<int>> ParseNumbers(const std::string& flag,
                                              const std::string& text) {
  std::vector<int> numbers;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string digits = text.substr(begin, end - begin);
    if (digits.empty() || digits.size() > 6 ||
        digits.find_first_not_of("0123456789") != std::string::npos ||
        std::stoi(digits) < 1) {
      return BadFlag(flag, text);
    }
    numbers.push_back(std::stoi(digits));
    begin = end + 1;
  }
  return numbers;
}

absl::StatusOr<Options> ReadFlags(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string flag = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
    if (flag == "--device") {
      options.device = value;
      continue;
    }
    ASSIGN_OR_RETURN(const std::vector<int> numbers, ParseNumbers(flag, value));
    if (flag == "--batches") {
      options.batches = numbers;
    } else if (flag == "--input-size") {
      options.input_size = numbers[0];
    } else if (flag == "--images") {
      options.images = numbers[0];
    } else if (flag == "--threads") {
      options.threads = numbers[0];
    } else {
      return BadFlag(flag, value);
    }
  }
  return options;
}

std::vector<float> Drawn(std::mt19937& source, size_t count, float spread) {
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> values(count);
  for (float& value : values) value = normal(source);
  return values;
}

// He et al., 2015: activations keep their size from layer to layer.
NetworkWeights DrawWeights(const Layers& layers) {
  std::mt19937 source(0);
  NetworkWeights weights;
  int channels = 3;
  for (const Layer& layer : layers) {
    if (layer.op == Op::kConvolution) {
      const Shape shape = {layer.channels, channels, layer.window.height,
                           layer.window.width};
      const float inputs = Count(shape) / layer.channels;
      weights[layer.name] = {
          {shape, Drawn(source, Count(shape), std::sqrt(2 / inputs))},
          {{layer.channels}, std::vector<float>(layer.channels)}};
    }
    channels = layer.channels;
  }
  return weights;
}

// Multiplications of one image.
double Products(const Layers& layers, const NetworkWeights& weights,
                const std::vector<LayerShape>& shapes) {
  double products = 0;
  for (size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].op != Op::kConvolution) continue;
    products += 1.0 * Count(weights.at(layers[i].name).weight.shape) *
                shapes[i].height * shapes[i].width;
  }
  return products;
}

// The mean over places of each channel: the features of average pooling.
std::vector<float> Pooled(const std::vector<float>& activations,
                          const LayerShape& shape) {
  const size_t area = size_t{1} * shape.height * shape.width;
  std::vector<float> features;
  for (size_t at = 0; at < activations.size(); at += area) {
    double sum = 0;
    for (size_t i = at; i < at + area; ++i) sum += activations[i];
    features.push_back(sum / area);
  }
  return features;
}

double RelativeError(const std::vector<float>& found,
                     const std::vector<float>& exact) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    difference += std::pow(double{found[i]} - exact[i], 2);
    size += std::pow(double{exact[i]}, 2);
  }
  return std::sqrt(difference / size);
}

class GpuCheck {
 public:
  explicit GpuCheck(const Options& options) : options_(options) {}

  // Whether all is as it should be.
  absl::StatusOr<bool> Run() {
    RETURN_IF_ERROR(CheckDevice(options_.device));
    layers_ = CutAt(Vgg16(Family::kTorchvision).layers, kCut);
    weights_ = DrawWeights(layers_);
    ASSIGN_OR_RETURN(const auto shapes,
                     InferShapes(layers_, options_.input_size));
    end_ = shapes.back();
    flops_ = 2 * Products(layers_, weights_, shapes);
    RETURN_IF_ERROR(AskTheProcessor());
    ASSIGN_OR_RETURN(matrix_teraflops_,
                     MeasureMatrixTeraflops(options_.device));
    std::printf(
        "LibTorch %s, %s, VGG16 to %s at %d pixels, %.2f GMAC an image\n"
        "bf16 matrix product: %.1f TFLOP/s\n\n"
        "precision batch   distance  same bits  images/s  of the matrix "
        "product  started by\n",
        TorchVersion().c_str(), options_.device.c_str(), kCut,
        options_.input_size, flops_ / 2e9, matrix_teraflops_);
    bool sound = true;
    for (const bool bf16 : {false, true}) {
      for (const int batch : options_.batches) {
        ASSIGN_OR_RETURN(const bool one, Measure(bf16, batch));
        sound = sound && one;
      }
    }
    return sound;
  }

 private:
  // Planes, and the processor's features of the first kChecked of them.
  absl::Status AskTheProcessor() {
    std::mt19937 source(1);
    image_floats_ = size_t{3} * options_.input_size * options_.input_size;
    planes_ = Drawn(source, kChecked * image_floats_, 1);
    ASSIGN_OR_RETURN(
        const auto network,
        EagerNetwork::Create(layers_, weights_, {kCut}, options_.input_size,
                             {options_.threads}));
    std::vector<std::vector<float>> activations;
    RETURN_IF_ERROR(network->Forward(planes_.data(), kChecked, &activations));
    exact_ = Pooled(activations[0], end_);
    // What is measured repeats them: how fast it is does not depend on them.
    const size_t images = std::max(options_.images, kChecked);
    for (size_t i = planes_.size(); i < images * image_floats_; ++i) {
      planes_.push_back(planes_[i % (kChecked * image_floats_)]);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Measure(bool bf16, int batch) const {
    constexpr int kRuns = 3;
    const int images = std::max(options_.images, kChecked);
    ASSIGN_OR_RETURN(
        auto program,
        LayerProgram::Create(layers_, weights_, {kCut}, options_.input_size,
                             {options_.device, bf16, /*channels_last=*/true}));
    ASSIGN_OR_RETURN(
        const auto network,
        DeviceNetwork::Create(std::move(program), options_.input_size, batch));
    const size_t floats = network->activation_floats();
    std::vector<float> activations(images * floats);
    double best_s = std::numeric_limits<double>::infinity();
    for (int run = 0; run < kRuns; ++run) {
      const auto start = std::chrono::steady_clock::now();
      RETURN_IF_ERROR(
          network->Forward(planes_.data(), images, activations.data()));
      const std::chrono::duration<double> elapsed =
          std::chrono::steady_clock::now() - start;
      best_s = std::min(best_s, elapsed.count());
    }
    const double distance = RelativeError(
        Pooled({activations.begin(), activations.begin() + kChecked * floats},
               end_),
        exact_);
    ASSIGN_OR_RETURN(const bool same_bits,
                     SameBitsAlone(*network, activations));
    const double rate = images / best_s;
    std::printf("%-9s %5d   %8.1e  %-9s  %8.1f  %21.2f  %s\n",
                bf16 ? "bf16" : "fp32", batch, distance,
                same_bits ? "yes" : "NO", rate,
                rate * flops_ / 1e12 / matrix_teraflops_,
                network->graph() ? "CUDA graph" : "calls");
    std::fflush(stdout);
    // A NaN is no small distance.
    return distance <= (bf16 ? 1e-2 : 1e-4) && same_bits;
  }

  // Each checked image alone against what it got among others, at other places
  // of a batch.
  absl::StatusOr<bool> SameBitsAlone(
      DeviceNetwork& network, const std::vector<float>& activations) const {
    std::vector<float> alone(network.activation_floats());
    for (int i = 0; i < kChecked; ++i) {
      RETURN_IF_ERROR(
          network.Forward(&planes_[i * image_floats_], 1, alone.data()));
      if (std::memcmp(alone.data(), &activations[i * alone.size()],
                      alone.size() * sizeof(float)) != 0) {
        return false;
      }
    }
    return true;
  }

  const Options& options_;
  Layers layers_;
  NetworkWeights weights_;
  LayerShape end_;
  double flops_ = 0;  // of one image
  double matrix_teraflops_ = 0;
  size_t image_floats_ = 0;
  std::vector<float> planes_;
  std::vector<float> exact_;  // the processor's features
};

int Main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--help") == 0) {
      std::fputs(kUsage, stdout);
      return 0;
    }
  }
  const absl::StatusOr<Options> options = ReadFlags(argc, argv);
  if (!options.ok()) {
    std::fprintf(stderr, "gpu-check: %s\n",
                 std::string(options.status().message()).c_str());
    return 2;
  }
  const absl::StatusOr<bool> sound = GpuCheck(*options).Run();
  if (!sound.ok()) {
    std::fprintf(stderr, "gpu-check: %s\n",
                 std::string(sound.status().message()).c_str());
    return 1;
  }
  std::puts(*sound ? "\nall as it should be"
                   : "\nNOT as it should be: a distance is over its limit, or "
                     "bits depend on the batch");
  return *sound ? 0 : 1;
}

}  // namespace
}  // namespace nevus

int main(int argc, char** argv) { return nevus::Main(argc, argv); }

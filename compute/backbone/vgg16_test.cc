// VGG16 on oneDNN against plain loops, also with genuine weights, and its bits
// on any number of threads.
#include "compute/backbone/vgg16.h"

#include <cmath>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/backbone.h"
#include "compute/backbone/calibration.h"
#include "compute/backbone/cpu.h"
#include "compute/backbone/onednn_network.h"
#include "compute/backbone/testing/random_vgg16.h"
#include "compute/backbone/testing/reference_network.h"
#include "compute/backbone/testing/weight_files.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

std::vector<float> Activation(const Backbone& backbone, const std::string& cut,
                              Arithmetic arithmetic, int threads,
                              const std::vector<float>& planes) {
  Calibration calibration;  // He-normal weights keep values about this large
  for (const Layer& layer : backbone.table()->layers) {
    calibration[layer.name] = 8;
  }
  const auto network =
      backbone.NewNetwork(cut, arithmetic, calibration, threads);
  EXPECT_THAT(network, IsOk());
  if (!network.ok()) return {};
  const Cut found = FindCut(backbone.info(), cut).value();
  std::vector<float> activation(found.channels * found.height * found.width);
  EXPECT_THAT((*network)->Run(planes.data(), activation.data()), IsOk());
  return activation;
}

// The relative error (Euclidean norm) that rounding can explain, the layers'
// errors added up as if they never cancelled.
//
// fp32: a running sum of 9 C products errs by at most about sqrt(9 C) u, u =
// 2^-24, C <= 512 channels.
// Winograd F(4x4, 3x3): the transforms spread each rounding; for independent
// inputs the factor is sum_i A_ki^2 |G_i|^2 |B_i|^2 / 3, 4.8 on average over
// the rows k for the points 0, +-5/8, +-3/2, inf. Each product has passed
// 16 roundings (two transforms of four additions in two directions) and then
// sums over C channels. bf16: weight and activation are each rounded to 8 bits:
// sqrt(2) 2^-9.
double Tolerance(Arithmetic arithmetic, int layers) {
  const double u = std::pow(2, -24);
  switch (arithmetic) {
    case Arithmetic::kFp32:
      return std::min(layers * std::sqrt(9 * 512) * u, 1e-5);
    case Arithmetic::kFp32Winograd:
      return layers * 4.8 * (std::sqrt(16) + std::sqrt(512)) * u;
    case Arithmetic::kBf16:
      return layers * std::sqrt(2) * std::pow(2, -9);
    case Arithmetic::kInt8:
    case Arithmetic::kInt8Winograd:
    case Arithmetic::kCudaFp32:
    case Arithmetic::kCudaBf16:
      break;
  }
  return 0;
}

void ExpectAgreesWithPlainLoops(const Backbone& backbone,
                                const std::string& cut, Arithmetic arithmetic) {
  const int size = backbone.info().input_size;
  const std::vector<float> planes = TestPlanes(1, size);
  const Layers layers = CutAt(backbone.table()->layers, cut);
  int convolutions = 0;
  for (const Layer& layer : layers) {
    if (layer.op == Op::kConvolution) ++convolutions;
  }
  const std::vector<double> wanted =
      ReferenceNetwork(layers, backbone.table()->weights, planes.data(), size)
          .back();
  EXPECT_LT(
      RelativeError(Activation(backbone, cut, arithmetic, 1, planes), wanted),
      Tolerance(arithmetic, convolutions));
}

class Vgg16Test : public ::testing::TestWithParam<Arithmetic> {
 protected:
  void SetUp() override {
    const absl::Status supported = CheckArithmeticSupported(GetParam());
    if (!supported.ok()) GTEST_SKIP() << "skipped: " << supported.message();
  }
};

using Vgg16ReferenceTest = Vgg16Test;

TEST_P(Vgg16ReferenceTest, AgreesWithPlainLoopsOnRandomWeights) {
  const struct {
    const char* cut;
    int size;
  } kCases[] = {{"block1_conv2", 37}, {"block2_pool", 44}, {"block5_pool", 45}};
  for (const auto& [cut, size] : kCases) {
    SCOPED_TRACE(std::string(cut) + " at " + std::to_string(size));
    ExpectAgreesWithPlainLoops(*RandomVgg16(size, /*seed=*/3), cut, GetParam());
  }
}

TEST_P(Vgg16ReferenceTest, AgreesWithPlainLoopsOnGenuineWeights) {
  for (const char* name : {"1_2", "1_3"}) {
    SCOPED_TRACE(name);
    BackboneSource source;
    source.arch = "vgg16";
    source.input_size = 64;
    source.weights =
        RealWeights(std::string("vgg16_blocks_") + name + ".safetensors");
    if (source.weights.empty()) GTEST_SKIP() << "skipped: no ../shared/data";
    const auto backbone = Backbone::Load(source);
    ASSERT_THAT(backbone, IsOk());
    const std::string cut =
        std::string(name) == "1_2" ? "block2_pool" : "block3_pool";
    EXPECT_EQ((*backbone)->info().default_cut, cut);
    ExpectAgreesWithPlainLoops(**backbone, cut, GetParam());
  }
}

TEST_P(Vgg16Test, WinogradInFp32IsOurs) {
  Calibration calibration;
  const auto backbone = RandomVgg16(112, /*seed=*/3);
  const Layers layers = CutAt(backbone->table()->layers, "block5_pool");
  for (const Layer& layer : layers) calibration[layer.name] = 8;
  const auto network =
      NewOnednnNetwork(layers, {"block5_pool"}, backbone->table()->weights,
                       GetParam(), calibration, 112, 1);
  ASSERT_THAT(network, IsOk());
  const std::string kernel =
      HasAvx512() ? "nevus:winograd_4x3:avx512" : "nevus:winograd_4x3:avx2";
  std::vector<std::string> ours;
  for (const OnednnNetwork::Step& step : (*network)->steps()) {
    if (step.kernel == kernel) ours.push_back(step.layer);
  }
  // But for three channels and 7 x 7.
  const std::vector<std::string> expected = {
      "block1_conv2", "block2_conv1", "block2_conv2",
      "block3_conv1", "block3_conv2", "block3_conv3",
      "block4_conv1", "block4_conv2", "block4_conv3"};
  EXPECT_EQ(ours, GetParam() == Arithmetic::kFp32Winograd
                      ? expected
                      : std::vector<std::string>());
}

TEST_P(Vgg16Test, TheNumberOfThreadsChangesNoBit) {
  for (int size : {32, 112, 224}) {
    const auto backbone = RandomVgg16(size, /*seed=*/3);
    const std::vector<float> planes = TestPlanes(1, size);
    const std::vector<float> one =
        Activation(*backbone, "block5_pool", GetParam(), 1, planes);
    // 16: more than the maps are cut for.
    for (int threads : {2, 3, 16}) {
      SCOPED_TRACE(testing::Message() << size << " on " << threads);
      EXPECT_EQ(one, Activation(*backbone, "block5_pool", GetParam(), threads,
                                planes));
    }
  }
}

std::string NameOf(const ::testing::TestParamInfo<Arithmetic>& info) {
  return ArithmeticName(info.param);
}

// onednn_network_test has the integers, with ranges that are measured.
std::vector<Arithmetic> WithoutCalibration() {
  std::vector<Arithmetic> result;
  for (const Arithmetic arithmetic : Arithmetics()) {
    if (!NeedsCalibration(arithmetic)) result.push_back(arithmetic);
  }
  return result;
}

INSTANTIATE_TEST_SUITE_P(Arithmetics, Vgg16Test,
                         ::testing::ValuesIn(Arithmetics()), NameOf);
INSTANTIATE_TEST_SUITE_P(Arithmetics, Vgg16ReferenceTest,
                         ::testing::ValuesIn(WithoutCalibration()), NameOf);

}  // namespace
}  // namespace nevus

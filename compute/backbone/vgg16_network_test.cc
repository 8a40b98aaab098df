#include "compute/backbone/vgg16_network.h"

#include <cmath>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/cpu.h"
#include "compute/backbone/safetensors.h"
#include "compute/backbone/testing/reference_vgg16.h"
#include "compute/backbone/testing/weight_files.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

Vgg16Cut CutNamed(const std::string& name) {
  for (const Vgg16Cut& cut : Vgg16Cuts()) {
    if (cut.name == name) return cut;
  }
  ADD_FAILURE() << name;
  return {};
}

std::vector<float> Activation(const Vgg16Weights& weights, const Vgg16Cut& cut,
                              Arithmetic arithmetic, int size, int threads,
                              const std::vector<float>& planes) {
  const auto network =
      NewVgg16Network(weights, cut.name, arithmetic, {}, size, threads);
  EXPECT_THAT(network, IsOk());
  if (!network.ok()) return {};
  const int side = size / cut.stride;
  std::vector<float> activation(cut.channels * side * side);
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
// the rows k for oneDNN's points 0, +-5/8, +-3/2, inf. Each product has passed
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
    default:
      break;  // onednn_network_test has the integers
  }
  return 0;
}

class Vgg16NetworkTest : public ::testing::TestWithParam<Arithmetic> {
 protected:
  void SetUp() override {
    const absl::Status supported = CheckArithmeticSupported(GetParam());
    if (!supported.ok()) GTEST_SKIP() << "skipped: " << supported.message();
  }
};

TEST_P(Vgg16NetworkTest, AgreesWithTheSixLoopsOnRandomWeights) {
  const Vgg16Weights weights = RandomVgg16(3);
  const struct {
    const char* cut;
    int size;
  } kCases[] = {{"block1_conv1", 32}, {"block1_conv2", 37},
                {"block1_pool", 32},  {"block2_pool", 44},
                {"block3_conv2", 40}, {"block5_conv3", 32},
                {"block5_pool", 32},  {"block5_pool", 45}};
  for (const auto& [name, size] : kCases) {
    SCOPED_TRACE(std::string(name) + " at " + std::to_string(size));
    const Vgg16Cut cut = CutNamed(name);
    const std::vector<float> planes = TestPlanes(1, size);
    EXPECT_LT(
        RelativeError(Activation(weights, cut, GetParam(), size, 1, planes),
                      ReferenceVgg16(weights, cut, planes.data(), size)),
        Tolerance(GetParam(), cut.convs));
  }
}

TEST_P(Vgg16NetworkTest, AgreesWithTheSixLoopsOnGenuineWeights) {
  for (const char* name : {"1_2", "1_3"}) {
    SCOPED_TRACE(name);
    const std::string file =
        RealWeights(std::string("vgg16_blocks_") + name + ".safetensors");
    if (file.empty()) GTEST_SKIP() << "skipped: no ../shared/data";
    const Vgg16Weights weights =
        Vgg16FromTensors(ReadSafetensors(file, Vgg16Shapes()).value()).value();
    const Vgg16Cut cut =
        CutNamed(std::string(name) == "1_2" ? "block2_pool" : "block3_pool");
    ASSERT_EQ(cut.convs, weights.convs);
    const std::vector<float> planes = TestPlanes(1, 64);
    EXPECT_LT(RelativeError(Activation(weights, cut, GetParam(), 64, 1, planes),
                            ReferenceVgg16(weights, cut, planes.data(), 64)),
              Tolerance(GetParam(), cut.convs));
  }
}

TEST_P(Vgg16NetworkTest, TheNumberOfThreadsChangesNoBit) {
  const Vgg16Weights weights = RandomVgg16(3);
  const Vgg16Cut cut = CutNamed("block5_pool");
  for (int size : {32, 112, 224}) {
    const std::vector<float> planes = TestPlanes(1, size);
    const std::vector<float> one =
        Activation(weights, cut, GetParam(), size, 1, planes);
    // 16: where oneDNN would change over to another Winograd.
    for (int threads : {2, 3, 16}) {
      SCOPED_TRACE(testing::Message() << size << " on " << threads);
      EXPECT_EQ(one,
                Activation(weights, cut, GetParam(), size, threads, planes));
    }
  }
}

TEST_P(Vgg16NetworkTest, AnImageLeavesNothingBehindForTheNext) {
  const Vgg16Weights weights = RandomVgg16(3);
  const Vgg16Cut cut = CutNamed("block5_pool");
  const auto network =
      NewVgg16Network(weights, cut.name, GetParam(), {}, 64, /*threads=*/2)
          .value();
  const std::vector<float> planes = TestPlanes(2, 64);
  std::vector<float> first(512 * 4), other(512 * 4), again(512 * 4);
  ASSERT_THAT(network->Run(planes.data(), first.data()), IsOk());
  ASSERT_THAT(network->Run(&planes[3 * 64 * 64], other.data()), IsOk());
  ASSERT_THAT(network->Run(planes.data(), again.data()), IsOk());
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
}

INSTANTIATE_TEST_SUITE_P(Arithmetics, Vgg16NetworkTest,
                         ::testing::Values(Arithmetic::kFp32,
                                           Arithmetic::kFp32Winograd,
                                           Arithmetic::kBf16),
                         [](const auto& info) {
                           return std::string(ArithmeticName(info.param));
                         });

TEST(ArithmeticTest, WhatTheProcessorLacksIsRefused) {
  const absl::Status winograd =
      CheckArithmeticSupported(Arithmetic::kFp32Winograd);
  EXPECT_EQ(winograd.ok(), HasAvx512());
  if (!winograd.ok()) {
    EXPECT_EQ(ReasonOf(winograd), "ARITHMETIC_UNSUPPORTED");
  }
  EXPECT_EQ(CheckArithmeticSupported(Arithmetic::kBf16).ok(), HasBf16());
  EXPECT_THAT(CheckArithmeticSupported(Arithmetic::kFp32), IsOk());
}

TEST(ArithmeticTest, NamesGoThereAndBack) {
  for (const char* name :
       {"fp32", "fp32_winograd", "bf16", "int8", "int8_winograd"}) {
    EXPECT_STREQ(ArithmeticName(ParseArithmetic(name).value()), name);
  }
  EXPECT_THAT(ParseArithmetic("fp16"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "precision \"fp16\" is not known; it is auto, fp32"));
}

}  // namespace
}  // namespace nevus

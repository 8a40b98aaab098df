#include "compute/backbone/keras_h5.h"

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compute/backbone/testing/weight_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;

std::string MadeByH5py(const std::string& name) {
  return ReadFileOrFail("compute/backbone/testdata/" + name);
}

// VGG16's first convolution.
absl::StatusOr<Tensors> ReadFirstLayer(const std::string& file) {
  const KerasLayer layer{"block1_conv1"};
  return ReadKerasH5(
      file, {{"features.0.weight", layer, KerasRole::kKernel, {64, 3, 3, 3}},
             {"features.0.bias", layer, KerasRole::kBias, {64}}});
}

// testdata/make_goldens.py wrote these three with h5py: one layout each.
TEST(KerasH5Test, ReadsEachLayoutAndTurnsHwioIntoOihw) {
  for (const char* name : {"keras_old.h5", "keras_new.h5", "keras_model.h5"}) {
    SCOPED_TRACE(name);
    const std::string file = MadeByH5py(name);
    ASSERT_TRUE(LooksLikeHdf5(file));
    const absl::StatusOr<Tensors> tensors = ReadFirstLayer(file);
    ASSERT_THAT(tensors, IsOk());
    ASSERT_EQ(tensors->size(), 2u);
    const Tensor& weight = tensors->at("features.0.weight");
    const Tensor& bias = tensors->at("features.0.bias");
    ASSERT_EQ(weight.shape, (Shape{64, 3, 3, 3}));
    ASSERT_EQ(bias.shape, Shape{64});
    size_t at = 0;
    for (int o = 0; o < 64; ++o) {
      EXPECT_EQ(bias.values[o], -o);
      for (int i = 0; i < 3; ++i) {
        for (int y = 0; y < 3; ++y) {
          for (int x = 0; x < 3; ++x) {
            ASSERT_EQ(weight.values[at++], o + 100 * i + 1000 * x + 5000 * y);
          }
        }
      }
    }
  }
}

TEST(KerasH5Test, WhatIsNotThereIsNoTensorNotAnError) {
  const absl::StatusOr<Tensors> tensors =
      ReadFirstLayer(MadeByH5py("keras_other.h5"));
  ASSERT_THAT(tensors, IsOk());
  EXPECT_TRUE(tensors->empty());
}

// keras_roles.h5: values count up in the order of the file.
TEST(KerasH5Test, ReadsSeparableKernelsAndNorms) {
  const std::string file = MadeByH5py("keras_roles.h5");
  const KerasLayer separable{"block2_sepconv1"}, old{"block1_conv1_bn"};
  const absl::StatusOr<Tensors> tensors = ReadKerasH5(
      file,
      {{"depthwise", separable, KerasRole::kDepthwiseKernel, {2, 1, 3, 3}},
       {"pointwise", separable, KerasRole::kPointwiseKernel, {4, 2, 1, 1}},
       {"gamma", old, KerasRole::kGamma, {2}},
       {"beta", old, KerasRole::kBeta, {2}},
       {"mean", old, KerasRole::kMovingMean, {2}},
       {"variance", old, KerasRole::kMovingVariance, {2}}});
  ASSERT_THAT(tensors, IsOk());
  const auto values = [&](const char* name) {
    return tensors->at(name).values;
  };
  EXPECT_THAT(values("depthwise"),
              ElementsAre(0, 2, 4, 6, 8, 10, 12, 14, 16,  //
                          1, 3, 5, 7, 9, 11, 13, 15, 17));
  EXPECT_THAT(values("pointwise"),
              ElementsAre(100, 104, 101, 105, 102, 106, 103, 107));
  EXPECT_THAT(values("gamma"), ElementsAre(50, 51));
  EXPECT_THAT(values("beta"), ElementsAre(51, 52));
  EXPECT_THAT(values("mean"), ElementsAre(52, 53));
  EXPECT_THAT(values("variance"), ElementsAre(53, 54));
}

TEST(KerasH5Test, LayersThatKerasNamedAreCountedFromTheFirst) {
  const std::string file = MadeByH5py("keras_roles.h5");
  std::vector<KerasTensor> wanted;
  for (int number : {1, 2, 3, 4}) {
    wanted.push_back({"conv" + std::to_string(number),
                      {"conv2d", number},
                      KerasRole::kKernel,
                      {1, 1, 1, 1}});
    wanted.push_back({"mean" + std::to_string(number),
                      {"batch_normalization", number},
                      KerasRole::kMovingMean,
                      {2}});
  }
  const absl::StatusOr<Tensors> tensors = ReadKerasH5(file, wanted);
  ASSERT_THAT(tensors, IsOk());
  EXPECT_EQ(tensors->size(), 5u);
  EXPECT_THAT(tensors->at("conv1").values, ElementsAre(8));
  EXPECT_THAT(tensors->at("conv2").values, ElementsAre(9));
  EXPECT_THAT(tensors->at("conv3").values, ElementsAre(10));
  EXPECT_THAT(tensors->at("mean1").values, ElementsAre(2, 3));
  EXPECT_THAT(tensors->at("mean2").values, ElementsAre(12, 13));
}

TEST(KerasH5Test, RefusesWrongDatasetsAndNamesThem) {
  const struct {
    const char *file, *message;
  } kWrong[] = {
      {"keras_wrong_shape.h5",
       "tensor block1_conv1/block1_conv1/kernel:0 has shape [64,3,3,3]; this "
       "network needs [3,3,3,64]"},
      {"keras_double.h5", "block1_conv1/block1_conv1/kernel:0 is no 32- or"},
      {"keras_integer.h5", "block1_conv1/block1_conv1/bias:0 is no 32- or"},
      {"keras_nan.h5", "block1_conv1/block1_conv1/bias:0 holds nan at index 7"},
      {"keras_elsewhere.h5", "keeps its values in another file"},
  };
  for (const auto& wrong : kWrong) {
    SCOPED_TRACE(wrong.file);
    EXPECT_THAT(ReadFirstLayer(MadeByH5py(wrong.file)),
                StatusIs(absl::StatusCode::kInvalidArgument, wrong.message));
  }
}

TEST(KerasH5Test, RefusesATruncatedFile) {
  const std::string file = MadeByH5py("keras_new.h5");
  for (size_t length : {8u, 100u, 1000u, 5000u}) {
    SCOPED_TRACE(length);
    EXPECT_THAT(ReadFirstLayer(file.substr(0, length)),
                StatusIs(absl::StatusCode::kInvalidArgument, "truncated"));
  }
}

TEST(KerasH5Test, AnExternalLinkIsNotFollowed) {
  const absl::StatusOr<Tensors> tensors =
      ReadFirstLayer(MadeByH5py("keras_link.h5"));
  ASSERT_THAT(tensors, IsOk());
  EXPECT_TRUE(tensors->empty());
}

}  // namespace
}  // namespace nevus

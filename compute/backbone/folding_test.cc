#include "compute/backbone/folding.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/random_weights.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

Architecture Torchvision(const std::string& name) {
  return MakeArchitecture(name, Family::kTorchvision);
}

Tensors Without(Tensors tensors, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    EXPECT_EQ(tensors.erase(name), 1u) << name;
  }
  return tensors;
}

bool Reaches(const Architecture& architecture, const Reach& reach,
             const std::string& layer) {
  for (size_t i = 0; i < architecture.layers.size(); ++i) {
    if (architecture.layers[i].name == layer) return reach.layers[i];
  }
  ADD_FAILURE() << layer;
  return false;
}

TEST(FindReachTest, AWholeFileReachesEverything) {
  for (const std::string& name : ArchitectureNames()) {
    const Architecture architecture = MakeArchitecture(name, Family::kKeras);
    const auto reach = FindReach(architecture, RandomTensors(architecture, 1));
    ASSERT_THAT(reach, IsOk());
    EXPECT_EQ(reach->first_missing, "");
    EXPECT_EQ(std::count(reach->layers.begin(), reach->layers.end(), false), 0);
  }
}

TEST(FindReachTest, KeepsTheLayersUpToTheFirstThatIsMissing) {
  const Architecture vgg16 = Torchvision("vgg16");
  const auto reach =
      FindReach(vgg16, Without(RandomTensors(vgg16, 1),
                               {"features.28.weight", "features.28.bias"}));
  ASSERT_THAT(reach, IsOk());
  EXPECT_EQ(reach->first_missing, "features.28.weight");
  EXPECT_TRUE(Reaches(vgg16, *reach, "block5_conv2"));
  EXPECT_FALSE(Reaches(vgg16, *reach, "block5_conv3"));
  EXPECT_FALSE(Reaches(vgg16, *reach, "block5_pool"));
}

TEST(FindReachTest, ABlockWithoutItsLastConvolutionIsNotReached) {
  const Architecture resnet50 = Torchvision("resnet50");
  const auto reach = FindReach(
      resnet50, Without(RandomTensors(resnet50, 1),
                        {"layer4.2.conv3.weight", "layer4.2.bn3.weight",
                         "layer4.2.bn3.bias", "layer4.2.bn3.running_mean",
                         "layer4.2.bn3.running_var"}));
  ASSERT_THAT(reach, IsOk());
  EXPECT_TRUE(Reaches(resnet50, *reach, "conv5_block2_out"));
  EXPECT_FALSE(Reaches(resnet50, *reach, "conv5_block3_out"));
}

TEST(FindReachTest, NamesTheTensorThatIsMissing) {
  const struct {
    const char* arch;
    std::vector<std::string> erased;
    const char* message;
  } kCases[] = {
      {"vgg16", {"features.0.weight"}, "tensor features.0.weight"},
      {"vgg16", {"features.10.bias"}, "tensor features.10.bias"},
      {"vgg16",
       {"features.7.weight", "features.7.bias"},
       "tensor features.7.weight (block2_conv2 in Keras) is missing, though "
       "features.10.weight is there"},
      {"resnet50",
       {"layer2.0.bn2.running_var"},
       "tensor layer2.0.bn2.running_var (conv3_block1_2_bn in Keras) is "
       "missing, though others of its layer are there"},
      {"inception_v3",
       {"Mixed_7c.branch_pool.conv.weight"},
       "tensor Mixed_7c.branch_pool.conv.weight (conv2d number 94 in Keras)"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.message);
    const Architecture architecture = Torchvision(c.arch);
    const auto reach = FindReach(
        architecture, Without(RandomTensors(architecture, 1), c.erased));
    EXPECT_THAT(reach, StatusIs(absl::StatusCode::kInvalidArgument, c.message));
    EXPECT_EQ(ReasonOf(reach.status()), "WEIGHTS_INVALID");
  }
  EXPECT_THAT(FindReach(Torchvision("vgg16"), {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "tensor features.0.weight (block1_conv1 in Keras)"));
  EXPECT_THAT(FindReach(MakeArchitecture("xception", Family::kKeras), {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "tensor block1_conv1/kernel is missing, the first of "
                       "every xception. Give a file of xception with Keras's"));
}

// By hand: scale 3, variance 0.25 - 1e-5, so that the factor is 3 / 0.5 = 6.
TEST(FoldTest, ABatchNormalisationBecomesAFactorAndABias) {
  const Architecture keras = MakeArchitecture("resnet50", Family::kKeras);
  Tensors tensors = RandomTensors(keras, 1);
  const auto fill = [&](const std::string& name, float value) {
    std::vector<float>& values = tensors.at(name).values;
    std::fill(values.begin(), values.end(), value);
  };
  fill("conv1.weight", 0.5f);
  fill("conv1.bias", 2);
  fill("bn1.weight", 3);
  fill("bn1.bias", 0.125f);
  fill("bn1.running_mean", 1.5f);
  fill("bn1.running_var", static_cast<float>(0.25 - 1.001e-5));
  const Reach reach = FindReach(keras, tensors).value();
  const auto weights = Fold(keras, reach, tensors);
  ASSERT_THAT(weights, IsOk());
  const LayerWeights& stem = weights->at("conv1_relu");
  EXPECT_FLOAT_EQ(stem.weight.values[5], 3);
  EXPECT_FLOAT_EQ(stem.bias.values[63], 0.125 + (2 - 1.5) * 6);
}

TEST(FoldTest, WithoutANormWeightsStayAsTheyAre) {
  const Architecture vgg16 = Torchvision("vgg16");
  const Tensors tensors = RandomTensors(vgg16, 1);
  const Reach reach = FindReach(vgg16, tensors).value();
  const auto weights = Fold(vgg16, reach, tensors);
  ASSERT_THAT(weights, IsOk());
  EXPECT_EQ(weights->size(), 13u);
  EXPECT_EQ(weights->at("block2_conv1").weight.values,
            tensors.at("features.5.weight").values);
}

TEST(FoldTest, ANegativeVarianceIsRefused) {
  const Architecture resnet50 = Torchvision("resnet50");
  Tensors tensors = RandomTensors(resnet50, 1);
  tensors.at("layer1.1.bn2.running_var").values[3] = -0.5f;
  const Reach reach = FindReach(resnet50, tensors).value();
  EXPECT_THAT(Fold(resnet50, reach, tensors),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "tensor layer1.1.bn2.running_var (conv2_block2_2_bn in "
                       "Keras) holds -0.5 at index 3"));
}

}  // namespace
}  // namespace nevus

#include "compute/backbone/architecture.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_matchers.h"
#include "compute/backbone/testing/weight_files.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

std::vector<Architecture> All() {
  std::vector<Architecture> all;
  for (const std::string& name : ArchitectureNames()) {
    for (Family family : {Family::kTorchvision, Family::kKeras}) {
      if (HasFamily(name, family)) {
        all.push_back(MakeArchitecture(name, family));
      }
    }
  }
  return all;
}

std::string NameOf(const Architecture& architecture) {
  return absl::StrCat(FamilyName(architecture.family), " ", architecture.name);
}

// torchvision: num_params in the weights' meta of torchvision 0.14, less what
// lies outside of the trunk: the classifier, and Inception's auxiliary one (its
// convolutions of 1x1 and 5x5 with their norms, and its linear layer).
// Keras: "Total params" in the summary of each network with include_top=False.
TEST(ArchitectureTest, ParametersAreThePublishedOnes) {
  const int64_t linear = 2048 * 1000 + 1000;
  const int64_t auxiliary =
      768 * 128 + 2 * 128 + 128 * 768 * 25 + 2 * 768 + 768 * 1000 + 1000;
  const int64_t vgg_top =
      int64_t{25088} * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000;
  const std::map<std::string, int64_t> published = {
      {"torchvision vgg16", 138357544 - vgg_top},
      {"torchvision resnet50", 25557032 - linear},
      {"torchvision inception_v3", 27161264 - linear - auxiliary},
      {"torchvision squeezenet1_1", 1235496 - (512 * 1000 + 1000)},
      {"keras vgg16", 14714688},
      {"keras resnet50", 23587712},
      {"keras inception_v3", 21802784},
      {"keras xception", 20861480},
  };
  ASSERT_EQ(All().size(), published.size());
  for (const Architecture& architecture : All()) {
    int64_t parameters = 0;
    for (const ConvolutionSource& source : architecture.sources) {
      parameters += CountParameters(source, architecture.family);
    }
    EXPECT_EQ(parameters, published.at(NameOf(architecture)))
        << NameOf(architecture);
  }
}

// The outputs of each stage or block in Keras's summaries at the usual size.
TEST(ArchitectureTest, BlocksHaveThePublishedShapes) {
  const std::map<std::string, std::map<std::string, std::string>> published = {
      {"vgg16",
       {{"block1_conv2", "64x224"},
        {"block3_pool", "256x28"},
        {"block5_pool", "512x7"}}},
      {"resnet50",
       {{"conv1_relu", "64x112"},
        {"pool1_pool", "64x56"},
        {"conv2_block3_out", "256x56"},
        {"conv3_block4_out", "512x28"},
        {"conv4_block6_out", "1024x14"},
        {"conv5_block3_out", "2048x7"}}},
      {"inception_v3",
       {{"stem_pool1", "64x73"},
        {"stem_pool2", "192x35"},
        {"mixed0", "256x35"},
        {"mixed1", "288x35"},
        {"mixed2", "288x35"},
        {"mixed3", "768x17"},
        {"mixed7", "768x17"},
        {"mixed8", "1280x8"},
        {"mixed9", "2048x8"},
        {"mixed10", "2048x8"}}},
      {"xception",
       {{"block1_conv1_act", "32x149"},
        {"block1_conv2_act", "64x147"},
        {"block2_out", "128x74"},
        {"block3_out", "256x37"},
        {"block4_out", "728x19"},
        {"block12_out", "728x19"},
        {"block13_out", "1024x10"},
        {"block14_sepconv2_act", "2048x10"}}},
      // The authors' page of version 1.1, but for their image of 227 pixels.
      {"squeezenet1_1",
       {{"conv1", "64x111"},
        {"pool1", "64x55"},
        {"fire3", "128x55"},
        {"pool3", "128x27"},
        {"fire5", "256x27"},
        {"pool5", "256x13"},
        {"fire6", "384x13"},
        {"fire9", "512x13"}}},
  };
  for (const Architecture& architecture : All()) {
    SCOPED_TRACE(NameOf(architecture));
    const auto shapes =
        InferShapes(architecture.layers, architecture.input_size);
    ASSERT_THAT(shapes, IsOk());
    std::map<std::string, std::string> found;
    for (size_t i = 0; i < shapes->size(); ++i) {
      const LayerShape& shape = (*shapes)[i];
      EXPECT_EQ(shape.height, shape.width);
      EXPECT_EQ(shape.channels, architecture.layers[i].channels);
      found[architecture.layers[i].name] =
          absl::StrCat(shape.channels, "x", shape.height);
    }
    for (const auto& [layer, shape] : published.at(architecture.name)) {
      EXPECT_EQ(found[layer], shape) << layer;
    }
  }
}

// torchvision's meta (_ops of its later versions) says 15.470, 4.089, 5.713
// and 0.349 with the classifiers; "8.4 billion" is the usual figure of
// Xception.
TEST(ArchitectureTest, MultiplicationsAreThePublishedOnes) {
  const std::map<std::string, double> published = {
      {"vgg16", 15.470 - 0.124},
      {"resnet50", 4.089 - 0.002},
      {"inception_v3", 5.713 - 0.002},
      {"xception", 8.4},
      {"squeezenet1_1", 0.349 - 1e-9 * 512 * 1000 * 13 * 13}};
  for (const Architecture& architecture : All()) {
    // The paper's ResNet strides earlier and multiplies less.
    if (NameOf(architecture) == "keras resnet50") continue;
    const auto shapes =
        InferShapes(architecture.layers, architecture.input_size).value();
    double gmac = 0;
    for (const ConvolutionSource& source : architecture.sources) {
      const LayerShape& shape = shapes[source.layer];
      gmac +=
          1e-9 * Count(source.tensors[0].shape) * shape.height * shape.width;
    }
    EXPECT_NEAR(gmac, published.at(architecture.name),
                architecture.name == "xception" ? 0.05 : 0.003)
        << NameOf(architecture);
  }
}

// Names and shapes of torchvision's state_dict, written by
// testing/reference/make_features.py; and Keras numbers Inception's layers in
// the same order.
TEST(ArchitectureTest, TensorsAreThoseOfTorchvisionsStateDict) {
  for (const char* name :
       {"vgg16", "resnet50", "inception_v3", "squeezenet1_1"}) {
    SCOPED_TRACE(name);
    const Architecture architecture =
        MakeArchitecture(name, Family::kTorchvision);
    const TensorShapes shapes = ShapesOf(architecture);
    std::set<std::string> found;
    std::vector<std::string> kernels;
    const std::string text = ReadFileOrFail(
        absl::StrCat("compute/backbone/testdata/", name, "_order.txt"));
    for (const std::string& line :
         std::vector<std::string>(absl::StrSplit(text, '\n'))) {
      if (line.empty()) continue;
      const std::vector<std::string> fields = absl::StrSplit(line, ' ');
      ASSERT_EQ(fields.size(), 2u) << line;
      ASSERT_EQ(shapes.count(fields[0]), 1u) << fields[0];
      EXPECT_EQ(ShapeText(shapes.at(fields[0])), fields[1]) << fields[0];
      found.insert(fields[0]);
      if (shapes.at(fields[0]).size() == 4) kernels.push_back(fields[0]);
    }
    EXPECT_EQ(found.size(), shapes.size());
    if (architecture.name != "inception_v3") continue;
    ASSERT_EQ(kernels.size(), 94u);
    for (const ConvolutionSource& source : architecture.sources) {
      const TensorSource& kernel = source.tensors[0];
      EXPECT_EQ(kernels[kernel.keras_layer.number - 1], kernel.name);
    }
  }
}

TEST(ArchitectureTest, NamesAreUniqueAndCutsAreLayersInOrder) {
  for (const Architecture& architecture : All()) {
    SCOPED_TRACE(NameOf(architecture));
    std::set<std::string> names;
    size_t next = 0;
    for (const Layer& layer : architecture.layers) {
      EXPECT_TRUE(names.insert(layer.name).second) << layer.name;
      if (next < architecture.cuts.size() &&
          architecture.cuts[next].layer == layer.name) {
        ++next;
      }
    }
    EXPECT_EQ(next, architecture.cuts.size());
    EXPECT_TRUE(architecture.cuts.back().ends_block);
    EXPECT_EQ(architecture.cuts.back().layer, architecture.layers.back().name);
    size_t tensors = 0;
    for (const ConvolutionSource& source : architecture.sources) {
      tensors += source.tensors.size();
    }
    EXPECT_EQ(ShapesOf(architecture).size(), tensors);
  }
}

}  // namespace
}  // namespace nevus

#include "compute/backbone/layers.h"

#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

Layer Make(const std::string& name, Op op, std::vector<int> inputs,
           Window window = {}, int channels = 0) {
  Layer layer;
  layer.name = name;
  layer.op = op;
  layer.inputs = std::move(inputs);
  layer.window = window;
  layer.channels = channels;
  return layer;
}

LayerShape ShapeOfWindow(Op op, Window window, int input_size) {
  const auto shapes =
      InferShapes({Make("it", op, {kImage}, window, 8)}, input_size);
  EXPECT_THAT(shapes, IsOk());
  return shapes.ok() ? shapes->back() : LayerShape{};
}

std::string Text(const LayerShape& s) {
  return std::to_string(s.channels) + "x" + std::to_string(s.height) + "x" +
         std::to_string(s.width) + " +" + std::to_string(s.pad_top) + "," +
         std::to_string(s.pad_left) + "," + std::to_string(s.pad_bottom) + "," +
         std::to_string(s.pad_right);
}

// The sizes that torchvision's networks print, and the formula of
// tf.nn.convolution's documentation for "SAME".
TEST(InferShapesTest, AWindowSlidesAsItsPaddingSays) {
  const struct {
    const char* what;
    Window window;
    int size;
    const char* wanted;
  } kCases[] = {
      {"ResNet's stem",
       {7, 7, 2, Padding::kExplicit, 3, 3},
       224,
       "8x112x112 +3,3,3,3"},
      {"Inception's stem", {3, 3, 2}, 299, "8x149x149 +0,0,0,0"},
      {"a row", {1, 7, 1, Padding::kExplicit, 0, 3}, 17, "8x17x17 +0,3,0,3"},
      {"same, odd", {3, 3, 2, Padding::kSame}, 149, "8x75x75 +1,1,1,1"},
      {"same, even: less above",
       {3, 3, 2, Padding::kSame},
       74,
       "8x37x37 +0,0,1,1"},
      {"same, no padding", {1, 1, 2, Padding::kSame}, 19, "8x10x10 +0,0,0,0"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    EXPECT_EQ(Text(ShapeOfWindow(Op::kConvolution, c.window, c.size)),
              c.wanted);
  }
}

TEST(InferShapesTest, APoolKeepsChannelsAndDropsWhatDoesNotFillIt) {
  EXPECT_EQ(Text(ShapeOfWindow(Op::kMaxPool, {2, 2, 2}, 45)),
            "3x22x22 +0,0,0,0");
  EXPECT_EQ(Text(ShapeOfWindow(Op::kAveragePool,
                               {3, 3, 1, Padding::kExplicit, 1, 1}, 35)),
            "3x35x35 +1,1,1,1");
}

// torch.nn.MaxPool2d(3, 2, ceil_mode=True).
TEST(InferShapesTest, APoolThatRoundsUpTakesWhatIsLeft) {
  Window window = {3, 3, 2};
  window.ceil_mode = true;
  for (const auto& [size, wanted] :
       {std::pair(111, "3x55x55 +0,0,0,0"), std::pair(24, "3x12x12 +0,0,1,1"),
        std::pair(3, "3x1x1 +0,0,0,0"), std::pair(4, "3x2x2 +0,0,1,1")}) {
    EXPECT_EQ(Text(ShapeOfWindow(Op::kMaxPool, window, size)), wanted);
  }
}

TEST(InferShapesTest, BranchesMeetAgain) {
  const Layers layers = {
      Make("a", Op::kConvolution, {kImage}, {1, 1, 1}, 4),
      Make("b", Op::kConvolution, {0}, {3, 3, 1, Padding::kExplicit, 1, 1}, 6),
      Make("c", Op::kConcat, {0, 1, 0}),
      Make("d", Op::kAdd, {2, 2}),
      Make("e", Op::kRelu, {3}),
  };
  const auto shapes = InferShapes(layers, 10);
  ASSERT_THAT(shapes, IsOk());
  for (int i : {2, 3, 4}) {
    EXPECT_EQ(Text((*shapes)[i]), "14x10x10 +0,0,0,0") << i;
  }
}

TEST(InferShapesTest, AnEmptyLayerIsNamed) {
  const auto shapes =
      InferShapes({Make("first", Op::kMaxPool, {kImage}, {2, 2, 2}),
                   Make("second", Op::kConvolution, {0}, {5, 5, 1}, 4)},
                  9);
  EXPECT_THAT(shapes.status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "input size 9 leaves nothing for layer second: its "
                       "input has 4 x 4 pixels, its window 5 x 5"));
  EXPECT_EQ(ReasonOf(shapes.status()), "INPUT_SIZE_INVALID");
}

TEST(CutAtTest, KeepsWhatTheCutNeedsAndRenumbers) {
  const Layers layers = {
      Make("stem", Op::kRelu, {kImage}), Make("unused", Op::kRelu, {0}),
      Make("left", Op::kRelu, {0}),      Make("right", Op::kRelu, {kImage}),
      Make("both", Op::kAdd, {2, 3}),    Make("after", Op::kRelu, {4}),
  };
  const Layers cut = CutAt(layers, "both");
  ASSERT_EQ(cut.size(), 4u);
  EXPECT_EQ(cut[0].name, "stem");
  EXPECT_EQ(cut[1].name, "left");
  EXPECT_EQ(cut[1].inputs, std::vector<int>({0}));
  EXPECT_EQ(cut[2].inputs, std::vector<int>({kImage}));
  EXPECT_EQ(cut[3].name, "both");
  EXPECT_EQ(cut[3].inputs, std::vector<int>({1, 2}));
}

TEST(CutAtAllTest, SeveralCutsKeepWhatAnyOfThemNeeds) {
  const Layers layers = {
      Make("stem", Op::kRelu, {kImage}), Make("left", Op::kRelu, {0}),
      Make("unused", Op::kRelu, {1}),    Make("right", Op::kRelu, {0}),
      Make("after", Op::kRelu, {3}),
  };
  const Layers cut = CutAtAll(layers, {"right", "left"});
  ASSERT_EQ(cut.size(), 3u);
  EXPECT_EQ(cut[1].name, "left");
  EXPECT_EQ(cut[2].name, "right");
  EXPECT_EQ(cut[2].inputs, std::vector<int>({0}));
}

}  // namespace
}  // namespace nevus

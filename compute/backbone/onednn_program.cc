#include "compute/backbone/onednn_program.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "compute/backbone/omp_threads.h"
#include "compute/backbone/onednn_assembler.h"
#include "compute/backbone/onednn_convolution.h"
#include "compute/backbone/winograd.h"

namespace nevus {
namespace {

using dnnl::memory;
using Layout = memory::format_tag;
using Type = memory::data_type;
using Value = OnednnValue;

bool IsInteger(Type type) { return type == Type::u8 || type == Type::s8; }

class Builder {
 public:
  Builder(const Layers& layers, const std::vector<int>& outputs,
          const std::vector<LayerShape>& shapes, const NetworkWeights& weights,
          Arithmetic arithmetic, const std::vector<IntegerGrid>& grids,
          int input_size, int threads)
      : layers_(layers),
        outputs_(outputs),
        shapes_(shapes),
        weights_(weights),
        arithmetic_(arithmetic),
        grids_(grids),
        threads_(threads),
        last_reader_(layers.size()),
        values_(layers.size()) {
    image_shape_ = {3, input_size, input_size};
    for (size_t i = 0; i < layers_.size(); ++i) {
      for (int input : layers_[i].inputs) {
        if (input != kImage) last_reader_[input] = i;
      }
    }
    for (int output : outputs_) last_reader_[output] = layers_.size();
    FindFloats();
  }

  OnednnProgram Build() {
    const ScopedOmpThreads scope(threads_);
    image_ = assembler_.Callers(Desc(image_shape_, Type::f32, Layout::nchw));
    for (size_t i = 0; i < layers_.size(); ++i) {
      layer_ = i;
      values_[i] = Compute(i);
    }
    std::vector<Value> outputs;
    for (int output : outputs_) {
      const Value& value = values_[output];
      outputs.push_back(
          assembler_.Callers(Desc(shapes_[output], Type::f32, Layout::nchw)));
      assembler_.Reorder(StepOf(output), value, outputs.back(),
                         Step(output, value.desc().data_type()));
    }
    return assembler_.Finish(image_, outputs);
  }

 private:
  // ---- Types --------------------------------------------------------------

  Type LowType(int layer) const {
    if (NeedsCalibration(arithmetic_)) {
      return grids_[layer].is_signed ? Type::s8 : Type::u8;
    }
    return arithmetic_ == Arithmetic::kBf16 ? Type::bf16 : Type::f32;
  }

  // The answer is fp32, and so is all that only pools or joins the way to it:
  // rounding it costs accuracy and saves nothing. No grid fits the image, so
  // what only moves its values stays fp32, too.
  void FindFloats() {
    const int n = layers_.size();
    std::vector<int> readers(n);
    floats_.resize(n);
    for (int i = 0; i < n; ++i) {
      for (int input : layers_[i].inputs) {
        if (input != kImage) ++readers[input];
        if (layers_[i].op != Op::kConvolution &&
            (input == kImage || floats_[input])) {
          floats_[i] = true;
        }
      }
    }
    const auto read_once = [&](int input) {
      return input == kImage || readers[input] == 1;
    };
    std::vector<bool> way(n);
    for (int output : outputs_) way[output] = true;
    for (int i = n - 1; i >= 0; --i) {
      const std::vector<int>& inputs = layers_[i].inputs;
      const bool computes = layers_[i].op == Op::kConvolution;
      if (!way[i]) continue;
      floats_[i] = floats_[i] || computes ||
                   std::all_of(inputs.begin(), inputs.end(), read_once);
      for (int input : inputs) {
        if (floats_[i] && !computes && input != kImage) way[input] = true;
      }
    }
  }

  Type TypeOf(int layer) const {
    return floats_[layer] ? Type::f32 : LowType(layer);
  }

  // What one integer stands for; 1 where there are none.
  float Step(int layer, Type type) const {
    return IsInteger(type) ? grids_[layer].step : 1;
  }

  // ---- Values -------------------------------------------------------------

  static memory::desc Desc(const LayerShape& shape, Type type, Layout layout) {
    return {{1, shape.channels, shape.height, shape.width}, type, layout};
  }

  const Value& ValueOf(int layer) const {
    return layer == kImage ? image_ : values_[layer];
  }

  // The output of `layer` as `type`, in the layout that it has.
  Value As(int layer, Type type) {
    const Value& value = ValueOf(layer);
    const Type from = value.desc().data_type();
    if (from == type) return value;
    const auto found = converted_.find({layer, type});
    if (found != converted_.end()) return found->second;
    memory::desc desc = WithType(value.desc(), type);
    // oneDNN's kernels on bytes want the channels innermost.
    if (IsInteger(type) || IsInteger(from)) {
      desc = Desc(ShapeOf(layer), type, Layout::nhwc);
    }
    const Value converted = assembler_.New(desc);
    assembler_.Reorder(StepOf(layer_), value, converted,
                       Step(layer, from) / Step(layer, type));
    converted_[{layer, type}] = converted;
    return converted;
  }

  const LayerShape& ShapeOf(int layer) const {
    return layer == kImage ? image_shape_ : shapes_[layer];
  }

  const dnnl::engine& engine() const { return assembler_.engine(); }

  // ---- Layers -------------------------------------------------------------

  Value Compute(int i) {
    switch (layers_[i].op) {
      case Op::kConvolution:
        return Convolution(i);
      case Op::kMaxPool:
      case Op::kAveragePool:
        return Pool(i);
      case Op::kAdd:
        return Add(i);
      case Op::kRelu:
        return Relu(i);
      case Op::kConcat:
        return Concat(i);
    }
    return {};
  }

  struct Candidate {
    ConvolutionSpec spec;
    PlannedConvolution planned;
    Type compute = Type::f32;  // of what it reads
  };

  // With the layout that the input has; else with one that oneDNN likes, and a
  // reorder before it; else in fp32.
  Candidate PlanLayer(int i) {
    const int input = layers_[i].inputs[0];
    std::vector<Type> types = {Type::f32};
    if (arithmetic_ == Arithmetic::kBf16)
      types.insert(types.begin(), Type::bf16);
    // The image is not in bytes: its grid would be coarser than the pixels'.
    if (NeedsCalibration(arithmetic_) && input != kImage) {
      types.insert(types.begin(), LowType(input));
    }
    Candidate best;
    for (Type type : types) {
      const memory::desc any = Desc(ShapeOf(input), type, Layout::any);
      std::vector<memory::desc> sources = {any};
      if (input != kImage) {
        sources.insert(sources.begin(), As(input, type).desc());
      }
      for (const memory::desc& source : sources) {
        Candidate candidate;
        candidate.compute = type;
        candidate.spec = Describe(i, type, source);
        candidate.planned = PlanConvolution(candidate.spec, engine(), threads_);
        if (!candidate.planned.plan) continue;
        if (!candidate.planned.slow) return candidate;
        if (!best.planned.plan) best = candidate;
      }
    }
    return best;
  }

  ConvolutionSpec Describe(int i, Type compute, const memory::desc& source) {
    const Layer& layer = layers_[i];
    ConvolutionSpec spec;
    spec.window = layer.window;
    spec.groups = layer.groups;
    spec.in_channels = ShapeOf(layer.inputs[0]).channels;
    spec.out = shapes_[i];
    spec.source = source;
    spec.weight_type = IsInteger(compute) ? Type::s8 : compute;
    // From fp32 oneDNN gives nothing but fp32.
    spec.out_type = compute == Type::f32 ? Type::f32 : TypeOf(i);
    spec.winograd = arithmetic_ == Arithmetic::kInt8Winograd;
    // Our Winograd's only layout, from the start: no reorder between the
    // layers. From the image to nhwc oneDNN may have only its plain loops.
    if (arithmetic_ == Arithmetic::kFp32Winograd && layer.inputs[0] != kImage) {
      spec.out_layout = Layout::nhwc;
    }
    spec.relu = layer.relu;
    const float out_step = Step(i, spec.out_type);
    if (IsInteger(compute)) {
      for (float step : WeightSteps(WeightsOf(i).weight)) {
        spec.output_scales.push_back(Step(layer.inputs[0], compute) * step /
                                     out_step);
      }
    }
    if (layer.inputs.size() > 1) {
      const int residual = layer.inputs[1];
      spec.residual_type =
          spec.out_type == Type::f32 ? Type::f32 : TypeOf(residual);
      spec.residual_scale = Step(residual, spec.residual_type) / out_step;
    }
    return spec;
  }

  Value Winograd(int i, const WinogradShape& shape) {
    const int input = layers_[i].inputs[0];
    const LayerWeights& weights = WeightsOf(i);
    const Value source =
        assembler_.InLayout(StepOf(i), As(input, Type::f32),
                            Desc(ShapeOf(input), Type::f32, Layout::nhwc));
    const Value output =
        assembler_.New(Desc(shapes_[i], Type::f32, Layout::nhwc));
    assembler_.AddWinograd(
        ProductsOf(i),
        std::make_shared<WinogradConvolution>(
            shape, BestWinogradKernels(), weights.weight.values.data(),
            weights.bias.values.data(), layers_[i].relu, threads_),
        source, output);
    return output;
  }

  Value Convolution(int i) {
    const Layer& layer = layers_[i];
    const memory::desc any =
        Desc(ShapeOf(layer.inputs[0]), Type::f32, Layout::any);
    if (arithmetic_ == Arithmetic::kFp32Winograd) {
      const auto shape = OwnWinograd(Describe(i, Type::f32, any));
      if (shape.has_value()) return Winograd(i, *shape);
    }
    const Candidate chosen = PlanLayer(i);
    const auto& plan = chosen.planned.plan;
    if (!plan) {
      throw dnnl::error(dnnl_unimplemented,
                        "no kernel computes this convolution");
    }
    Value source = layer.inputs[0] == kImage
                       ? image_
                       : As(layer.inputs[0], chosen.compute);
    source = assembler_.InLayout(StepOf(i), source, plan.src_desc());
    const ScopedOmpThreads scope(chosen.planned.threads);
    const Value output = chosen.spec.residual_scale
                             ? Residual(i, chosen.spec, plan.dst_desc())
                             : assembler_.New(plan.dst_desc());
    const memory weight = Weight(i, chosen.spec, plan.weights_desc());
    const memory bias = Bias(i, chosen);
    OnednnNetwork::Step info = ProductsOf(i);
    info.threads = chosen.planned.threads;
    assembler_.Add(std::move(info), plan, dnnl::convolution_forward(plan),
                   {source}, output,
                   {{DNNL_ARG_SRC, source.mem},
                    {DNNL_ARG_WEIGHTS, weight},
                    {DNNL_ARG_BIAS, bias},
                    {DNNL_ARG_DST, output.mem}});
    return output;
  }

  // The residual in the place where the convolution of layer `i` adds its own
  // result: the residual's own place if nobody needs it any more.
  Value Residual(int i, const ConvolutionSpec& spec, const memory::desc& out) {
    const int residual = layers_[i].inputs[1];
    const Value value = As(residual, spec.residual_type);
    const memory::desc wanted = WithType(out, spec.residual_type);
    const bool free = residual != kImage && last_reader_[residual] == i &&
                      residual != layers_[i].inputs[0] &&
                      value.desc() == wanted && assembler_.MayOverwrite(value);
    if (free) return assembler_.InPlaceOf(value, out);
    const Value copy = assembler_.New(wanted);
    assembler_.Reorder(StepOf(i), value, copy);
    return assembler_.InPlaceOf(copy, out);
  }

  Value Pool(int i) {
    const Layer& layer = layers_[i];
    const LayerShape& out = shapes_[i];
    const Value source = As(layer.inputs[0], TypeOf(i));
    const memory::desc input = source.desc();
    const dnnl::algorithm algorithm =
        layer.op == Op::kMaxPool ? dnnl::algorithm::pooling_max
        : layer.window.count_padding
            ? dnnl::algorithm::pooling_avg_include_padding
            : dnnl::algorithm::pooling_avg_exclude_padding;
    const dnnl::pooling_forward::primitive_desc plan(
        {dnnl::prop_kind::forward_inference, algorithm, input,
         Desc(out, input.data_type(), Layout::any),
         /*strides=*/{layer.window.stride, layer.window.stride},
         /*kernel=*/{layer.window.height, layer.window.width},
         /*padding_l=*/{out.pad_top, out.pad_left},
         /*padding_r=*/{out.pad_bottom, out.pad_right}},
        OwnScratchpad(), engine());
    const Value output = assembler_.New(plan.dst_desc());
    assembler_.Add(StepOf(i), plan, dnnl::pooling_forward(plan), {source},
                   output,
                   {{DNNL_ARG_SRC, source.mem}, {DNNL_ARG_DST, output.mem}});
    return output;
  }

  Value Add(int i) {
    const Layer& layer = layers_[i];
    const Type type = TypeOf(i);
    Value sources[2];
    dnnl::primitive_attr attributes = OwnScratchpad();
    for (int k : {0, 1}) {
      const int input = layer.inputs[k];
      // Each input keeps its own grid.
      const Type from = IsInteger(type) ? LowType(input) : type;
      sources[k] = As(input, from);
      if (k == 1) {
        sources[1] = assembler_.InLayout(StepOf(i), sources[1],
                                         WithType(sources[0].desc(), from));
      }
      if (IsInteger(type)) {
        attributes.set_scales(k == 0 ? DNNL_ARG_SRC_0 : DNNL_ARG_SRC_1, 0,
                              {Step(input, from) / Step(i, type)});
      }
    }
    if (layer.relu) {
      dnnl::post_ops relu;
      relu.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
      attributes.set_post_ops(relu);
    }
    const memory::desc out = WithType(sources[0].desc(), type);
    const dnnl::binary::primitive_desc plan(
        {dnnl::algorithm::binary_add, sources[0].desc(), sources[1].desc(),
         out},
        attributes, engine());
    const Value output = assembler_.New(out);
    assembler_.Add(StepOf(i), plan, dnnl::binary(plan),
                   {sources[0], sources[1]}, output,
                   {{DNNL_ARG_SRC_0, sources[0].mem},
                    {DNNL_ARG_SRC_1, sources[1].mem},
                    {DNNL_ARG_DST, output.mem}});
    return output;
  }

  Value Relu(int i) {
    const Value source = As(layers_[i].inputs[0], TypeOf(i));
    const dnnl::eltwise_forward::primitive_desc plan(
        {dnnl::prop_kind::forward_inference, dnnl::algorithm::eltwise_relu,
         source.desc(), /*alpha=*/0},
        OwnScratchpad(), engine());
    const Value output = assembler_.New(plan.dst_desc());
    assembler_.Add(StepOf(i), plan, dnnl::eltwise_forward(plan), {source},
                   output,
                   {{DNNL_ARG_SRC, source.mem}, {DNNL_ARG_DST, output.mem}});
    return output;
  }

  Value Concat(int i) {
    std::vector<Value> sources;
    std::vector<memory::desc> descs;
    // With one image and the channels in blocks of 16, outermost, the parts of
    // a concatenation lie one behind the other: nothing need be moved.
    bool nested = true;
    for (int input : layers_[i].inputs) {
      sources.push_back(As(input, TypeOf(i)));
      descs.push_back(sources.back().desc());
      nested = nested && ShapeOf(input).channels % 16 == 0 &&
               descs.back() == Desc(ShapeOf(input), TypeOf(i), Layout::nChw16c);
    }
    if (nested && assembler_.MayNest(sources)) {
      const Value output =
          assembler_.New(Desc(shapes_[i], TypeOf(i), Layout::nChw16c));
      assembler_.Nest(sources, output);
      return output;
    }
    const dnnl::concat::primitive_desc plan(/*concat_dimension=*/1, descs,
                                            engine(), OwnScratchpad());
    const Value output = assembler_.New(plan.dst_desc());
    std::unordered_map<int, memory> args = {{DNNL_ARG_DST, output.mem}};
    for (size_t k = 0; k < sources.size(); ++k) {
      args.emplace(DNNL_ARG_MULTIPLE_SRC + k, sources[k].mem);
    }
    assembler_.Add(StepOf(i), plan, dnnl::concat(plan), sources, output,
                   std::move(args));
    return output;
  }

  // ---- Steps --------------------------------------------------------------

  OnednnNetwork::Step StepOf(int layer) const {
    OnednnNetwork::Step info;
    info.layer = layers_[layer].name;
    info.threads = threads_;
    return info;
  }

  OnednnNetwork::Step ProductsOf(int convolution) const {
    OnednnNetwork::Step info = StepOf(convolution);
    info.gmac = 1e-9 * WeightsOf(convolution).weight.values.size() *
                shapes_[convolution].height * shapes_[convolution].width;
    return info;
  }

  // ---- Constants ----------------------------------------------------------

  const LayerWeights& WeightsOf(int i) const {
    return weights_.at(layers_[i].name);
  }

  memory Weight(int i, const ConvolutionSpec& spec, const memory::desc& to) {
    const Tensor& weight = WeightsOf(i).weight;
    std::vector<float> scales;
    if (spec.weight_type == Type::s8) {
      for (float step : WeightSteps(weight)) scales.push_back(1 / step);
    }
    return assembler_.Constant(weight.values, PlainWeights(spec, Type::f32), to,
                               spec.groups == 1 ? 1 : 3, scales);
  }

  // In the units of the sums that it is added to.
  memory Bias(int i, const Candidate& chosen) {
    const LayerWeights& weights = WeightsOf(i);
    std::vector<float> bias = weights.bias.values;
    if (IsInteger(chosen.compute)) {
      const std::vector<float> steps = WeightSteps(weights.weight);
      const float in = Step(layers_[i].inputs[0], chosen.compute);
      for (size_t o = 0; o < bias.size(); ++o) bias[o] /= in * steps[o];
    }
    const memory::desc plain({static_cast<memory::dim>(bias.size())}, Type::f32,
                             Layout::x);
    return assembler_.Constant(bias, plain, plain);
  }

  const Layers& layers_;
  const std::vector<int>& outputs_;
  const std::vector<LayerShape>& shapes_;
  const NetworkWeights& weights_;
  const Arithmetic arithmetic_;
  const std::vector<IntegerGrid>& grids_;
  const int threads_;
  OnednnAssembler assembler_;
  LayerShape image_shape_;
  std::vector<int> last_reader_;
  std::vector<bool> floats_;
  Value image_;
  std::vector<Value> values_;
  std::map<std::pair<int, Type>, Value> converted_;
  int layer_ = 0;  // being built
};

}  // namespace

OnednnProgram BuildOnednnProgram(const Layers& layers,
                                 const std::vector<int>& outputs,
                                 const std::vector<LayerShape>& shapes,
                                 const NetworkWeights& weights,
                                 Arithmetic arithmetic,
                                 const std::vector<IntegerGrid>& grids,
                                 int input_size, int threads) {
  return Builder(layers, outputs, shapes, weights, arithmetic, grids,
                 input_size, threads)
      .Build();
}

}  // namespace nevus

#include "compute/backbone/vgg16_network.h"

#include <algorithm>
#include <cstring>
#include <dnnl.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/backbone/omp_threads.h"

namespace nevus {
namespace {

using dnnl::memory;
using Type = memory::data_type;
using Layout = memory::format_tag;
using ConvolutionPlan = dnnl::convolution_forward::primitive_desc;

absl::Status FromDnnl(const dnnl::error& error) {
  const std::string message = absl::StrCat("oneDNN: ", error.what());
  return error.status == dnnl_out_of_memory
             ? absl::ResourceExhaustedError(
                   absl::StrCat(message, ". Free memory, or use fewer workers"))
             : absl::InternalError(message);
}

// Memory whose buffer is given later.
memory Unplaced(const memory::desc& desc, const dnnl::engine& engine) {
  return memory(desc, engine, DNNL_MEMORY_NONE);
}

class Vgg16Network : public Network {
 public:
  // Throws dnnl::error.
  Vgg16Network(const Vgg16Weights& weights, const Vgg16Cut& cut,
               Arithmetic arithmetic, int input_size, int threads)
      : arithmetic_(arithmetic), threads_(threads) {
    const ScopedOmpThreads scope(threads_);
    int size = input_size;
    input_ = Unplaced({{1, 3, size, size}, Type::f32, Layout::nchw}, engine_);
    last_ = input_;
    for (int i = 0; i < cut.convs; ++i) {
      const Vgg16Conv& conv = Vgg16Convs()[i];
      const bool last = i + 1 == cut.convs;
      AddConvolution(conv, weights, size, last);
      if (conv.pool != nullptr && (!last || cut.pooled)) {
        AddMaxPool(conv.out, size /= 2);
      }
    }
    AddReorder(last_, {{1, cut.channels, size, size}, Type::f32, Layout::nchw});
    output_ = last_;
    activations_.pop_back();  // the output's buffer is the caller's
    Place();
  }

  absl::Status Run(const float* planes, float* activation) override {
    try {
      input_.set_data_handle(const_cast<float*>(planes));
      output_.set_data_handle(activation);
      for (const Step& step : steps_) {
        const ScopedOmpThreads scope(step.threads);
        step.primitive.execute(stream_, step.args);
      }
      stream_.wait();
    } catch (const dnnl::error& error) {
      return FromDnnl(error);
    }
    return absl::OkStatus();
  }

 private:
  struct Step {
    int threads;  // when it was planned, so when it runs
    dnnl::primitive primitive;
    std::unordered_map<int, memory> args;
  };

  struct Planned {
    ConvolutionPlan plan;
    int threads;
  };

  void AddConvolution(const Vgg16Conv& conv, const Vgg16Weights& weights,
                      int size, bool last) {
    const auto [plan, threads] = PlanConvolution(conv, size, last);
    // Only the first layer may want its input in another layout.
    if (plan.src_desc() != last_.get_desc()) {
      AddReorder(last_, plan.src_desc());
    }
    const ScopedOmpThreads scope(threads);
    const memory output = NewActivation(plan.dst_desc());
    const memory weight =
        Constant(weights.tensors.at(conv.weight()),
                 {{conv.out, conv.in, 3, 3}, Type::f32, Layout::oihw},
                 plan.weights_desc());
    const memory bias =
        Constant(weights.tensors.at(conv.bias()),
                 {{conv.out}, Type::f32, Layout::x}, plan.bias_desc());
    AddStep(threads, dnnl::convolution_forward(plan), plan.scratchpad_desc(),
            {{DNNL_ARG_SRC, last_},
             {DNNL_ARG_WEIGHTS, weight},
             {DNNL_ARG_BIAS, bias},
             {DNNL_ARG_DST, output}});
    last_ = output;
  }

  Planned PlanConvolution(const Vgg16Conv& conv, int size, bool last) const {
    if (arithmetic_ == Arithmetic::kFp32Winograd && conv.in != 3) {
      try {
        return PlanAsAlone(
            Describe(conv, size, last, dnnl::algorithm::convolution_winograd),
            size);
      } catch (const dnnl::error& error) {
        // Too small an image for its tiles: always so for this shape, so the
        // choice is a function of the feature space.
        if (error.status != dnnl_unimplemented) throw;
      }
    }
    return PlanAsAlone(
        Describe(conv, size, last, dnnl::algorithm::convolution_direct), size);
  }

  // The number of threads must not change a bit. So: the kernel that oneDNN
  // picks for one thread (left to itself it takes another Winograd from 16
  // threads on), and one thread for the smallest maps (there it splits the sums
  // over the channels). Throws if there is none for one thread.
  Planned PlanAsAlone(const dnnl::convolution_forward::desc& layer,
                      int size) const {
    constexpr int kSmallestSharedMap = 8;
    const ConvolutionPlan alone = [&] {
      const ScopedOmpThreads scope(1);
      return ConvolutionPlan(layer, ReluBehind(), engine_);
    }();
    if (size < kSmallestSharedMap) return {alone, 1};
    ConvolutionPlan plan(layer, ReluBehind(), engine_, /*allow_empty=*/true);
    bool found(plan);
    while (found && std::strcmp(plan.impl_info_str(), alone.impl_info_str())) {
      found = plan.next_impl();
    }
    return found ? Planned{plan, threads_} : Planned{alone, 1};
  }

  dnnl::convolution_forward::desc Describe(const Vgg16Conv& conv, int size,
                                           bool last,
                                           dnnl::algorithm algorithm) const {
    const bool bf16 = arithmetic_ == Arithmetic::kBf16;
    const Type type = bf16 ? Type::bf16 : Type::f32;
    const memory::desc any_input({1, conv.in, size, size}, type, Layout::any);
    // Winograd's only layout, from the start: no reorder between the layers.
    const Layout layout = arithmetic_ == Arithmetic::kFp32Winograd
                              ? Layout::nChw16c
                              : Layout::any;
    return {dnnl::prop_kind::forward_inference,
            algorithm,
            conv.in == 3 ? any_input : last_.get_desc(),
            {{conv.out, conv.in, 3, 3}, type, Layout::any},
            {{conv.out}, Type::f32, Layout::x},
            {{1, conv.out, size, size}, last ? Type::f32 : type, layout},
            /*strides=*/{1, 1},
            /*padding_l=*/{1, 1},
            /*padding_r=*/{1, 1}};
  }

  static dnnl::primitive_attr ReluBehind() {
    dnnl::post_ops relu;
    relu.append_eltwise(/*scale=*/1, dnnl::algorithm::eltwise_relu,
                        /*alpha=*/0, /*beta=*/0);
    dnnl::primitive_attr attributes = OwnScratchpad();
    attributes.set_post_ops(relu);
    return attributes;
  }

  // One scratchpad for all steps, ours, instead of one a library thread.
  static dnnl::primitive_attr OwnScratchpad() {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return attributes;
  }

  void AddMaxPool(int channels, int size) {
    const memory::desc input = last_.get_desc();
    const dnnl::pooling_forward::primitive_desc plan(
        {dnnl::prop_kind::forward_inference,
         dnnl::algorithm::pooling_max,
         input,
         {{1, channels, size, size}, input.data_type(), Layout::any},
         /*strides=*/{2, 2},
         /*kernel=*/{2, 2},
         /*padding_l=*/{0, 0},
         /*padding_r=*/{0, 0}},
        OwnScratchpad(), engine_);
    const memory output = NewActivation(plan.dst_desc());
    AddStep(threads_, dnnl::pooling_forward(plan), plan.scratchpad_desc(),
            {{DNNL_ARG_SRC, last_}, {DNNL_ARG_DST, output}});
    last_ = output;
  }

  void AddReorder(const memory& from, const memory::desc& to) {
    const memory output = NewActivation(to);
    const dnnl::reorder::primitive_desc plan(engine_, from.get_desc(), engine_,
                                             to, OwnScratchpad());
    AddStep(threads_, dnnl::reorder(plan), plan.scratchpad_desc(),
            {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, output}});
    last_ = output;
  }

  void AddStep(int threads, dnnl::primitive primitive,
               const memory::desc& scratchpad,
               std::unordered_map<int, memory> args) {
    scratchpads_.push_back(Unplaced(scratchpad, engine_));
    args.emplace(DNNL_ARG_SCRATCHPAD, scratchpads_.back());
    steps_.push_back({threads, std::move(primitive), std::move(args)});
  }

  memory NewActivation(const memory::desc& desc) {
    activations_.push_back(Unplaced(desc, engine_));
    return activations_.back();
  }

  // A copy of `tensor` in the layout and type that a plan asks for.
  memory Constant(const Tensor& tensor, const memory::desc& from,
                  const memory::desc& to) {
    memory source(from, engine_, const_cast<float*>(tensor.values.data()));
    memory constant(to, engine_);
    dnnl::reorder(source, constant).execute(stream_, source, constant);
    stream_.wait();
    return constant;
  }

  // Each step reads the activation before its own, so two buffers do for all.
  void Place() {
    size_t activation_bytes = 1, scratchpad_bytes = 1;
    for (const memory& activation : activations_) {
      activation_bytes =
          std::max(activation_bytes, activation.get_desc().get_size());
    }
    for (const memory& scratchpad : scratchpads_) {
      scratchpad_bytes =
          std::max(scratchpad_bytes, scratchpad.get_desc().get_size());
    }
    for (size_t bytes :
         {activation_bytes, activation_bytes, scratchpad_bytes}) {
      buffers_.emplace_back(
          memory::desc({static_cast<memory::dim>(bytes)}, Type::u8, Layout::x),
          engine_);
    }
    for (size_t i = 0; i < activations_.size(); ++i) {
      activations_[i].set_data_handle(buffers_[i % 2].get_data_handle());
    }
    for (memory& scratchpad : scratchpads_) {
      scratchpad.set_data_handle(buffers_[2].get_data_handle());
    }
  }

  const Arithmetic arithmetic_;
  const int threads_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::vector<Step> steps_;
  memory input_, output_;
  memory last_;  // while building: what the next step reads
  std::vector<memory> activations_, scratchpads_;
  std::vector<memory> buffers_;  // two for activations, one scratchpad
};

}  // namespace

absl::StatusOr<std::unique_ptr<Network>> NewVgg16Network(
    const Vgg16Weights& weights, const Vgg16Cut& cut, Arithmetic arithmetic,
    int input_size, int threads) {
  RETURN_IF_ERROR(CheckArithmeticSupported(arithmetic));
  try {
    return std::make_unique<Vgg16Network>(weights, cut, arithmetic, input_size,
                                          threads);
  } catch (const dnnl::error& error) {
    return FromDnnl(error);
  }
}

}  // namespace nevus

// Weights in the form that oneDNN's Winograd kernels read, made by us.
//
// oneDNN's own reorder gives the same bits, through a copy of all points and
// in plain loops: 0.9 s for a VGG16 on one Zen 5 core, between the start of a
// process and its first image. This writes each point once, in order. Knows one
// layer's weights, no convolution.
#ifndef NEVUS_COMPUTE_BACKBONE_ONEDNN_WINOGRAD_WEIGHTS_H_
#define NEVUS_COMPUTE_BACKBONE_ONEDNN_WINOGRAD_WEIGHTS_H_

#include <dnnl.hpp>

namespace nevus {

// Whether `to` is such a form of fp32 weights, and one that is known here.
// Where it is not, oneDNN's reorder has to do it.
bool IsWinogradWeights(const dnnl::memory::desc& to);

// `weights` are O x I x 3 x 3; `points` has room for to.get_size() bytes. On
// the calling thread. REQUIRES: IsWinogradWeights(to).
void FillWinogradWeights(const float* weights, const dnnl::memory::desc& to,
                         float* points);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_ONEDNN_WINOGRAD_WEIGHTS_H_

// Jobs that wait for jobs, as boxes with lines; the server says where each box stands.
export default {
  template: `
  <div class="graph" role="group" :aria-label="label" tabindex="0">
    <svg :width="width" :height="height" :viewBox="'0 0 ' + width + ' ' + height">
      <defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>
      <path v-for="e in edges" :key="e.id" :d="curve(e)" marker-end="url(#arrow)"/>
      <a v-for="n in nodes" :key="n.id" :href="n.href" class="node" :class="{ here: n.here }">
        <title>{{ n.title }}</title>
        <rect :x="n.x" :y="n.y" :width="w" :height="h" rx="8"/>
        <circle class="dot" :class="'s-' + n.status" :cx="n.x + 16" :cy="n.y + h / 2" r="5"/>
        <text :x="n.x + 30" :y="n.y + 20">{{ n.text }}</text>
        <text class="sub" :x="n.x + 30" :y="n.y + 36">{{ n.note }}</text>
      </a>
    </svg>
  </div>`,
  props: { nodes: Array, edges: Array, w: Number, h: Number, width: Number, height: Number, label: String },
  methods: {
    curve(edge) {
      const middle = (edge.x2 - edge.x1) / 2;
      return `M${edge.x1} ${edge.y1}C${edge.x1 + middle} ${edge.y1} ${edge.x2 - middle} ${edge.y2} ${edge.x2 - 3} ${edge.y2}`;
    },
  },
};

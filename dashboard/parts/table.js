// A list of things: the server sends rows, the browser shows them, counts times on, and knows what is selected.
export default {
  template: `
  <div class="table-box">
    <div v-if="sortable.length && rows && rows.length" class="sorter">
      <label>Sorted by
        <select class="in" :value="order?.by" @change="$emit('sort', $event.target.value)">
          <option v-for="c in sortable" :key="c.name" :value="c.sort">{{ c.label }}</option>
        </select>
      </label>
      <button type="button" class="btn" @click="$emit('sort', order.by)">{{ order?.descending ? "descending" : "ascending" }}<i class="arrow" aria-hidden="true"></i></button>
    </div>
    <table class="table" :class="tight ? 'tight' : 'stacked'" :aria-label="label" :aria-busy="rows === null">
      <thead v-if="rows && rows.length">
        <tr>
          <th v-if="selectable" class="pick" scope="col">
            <input type="checkbox" aria-label="select all shown" :checked="all" :indeterminate.prop="some && !all"
                   @change="pickAll($event.target.checked)">
          </th>
          <th v-for="c in beside" :key="c.name" scope="col" :class="['k-' + c.kind, c.class]" :aria-sort="c.sort ? sorted(c) : null">
            <button v-if="c.sort" type="button" class="sort" @click="$emit('sort', c.sort)">{{ c.label }}<i class="arrow" aria-hidden="true"></i></button>
            <template v-else>{{ c.label }}</template>
          </th>
        </tr>
      </thead>
      <tbody>
        <template v-for="(row, place) in rows || []" :key="row.id">
        <tr :data-id="row.id" @click="click($event, row)"
            :class="{ at: place === at, picked: picked.has(row.id), fresh: row.fresh, more: goesOn(row), [row.tone]: row.tone }">
          <td v-if="selectable" class="pick">
            <input type="checkbox" :aria-label="'select ' + row.id" :checked="picked.has(row.id)"
                   @click="pick(place, $event)">
          </td>
          <td v-for="c in beside" :key="c.name" :class="['k-' + c.kind, c.class]" :data-label="c.label">
            <template v-if="c.kind === 'link'">
              <a v-if="row[c.name] && row[c.name].href" :href="row[c.name].href" :title="row[c.name].title">{{ row[c.name].text }}</a>
              <span v-else-if="row[c.name]">{{ row[c.name].text }}</span>
              <small v-if="row[c.name] && row[c.name].note" class="note">{{ row[c.name].note }}</small>
            </template>
            <span v-else-if="c.kind === 'status' && row[c.name]" :class="'status s-' + row[c.name]">{{ row[c.name].replaceAll('_', ' ') }}</span>
            <time v-else-if="c.kind === 'time' && row[c.name]" :datetime="row[c.name]" :title="spaces.stamp(row[c.name])">{{ spaces.ago(row[c.name], now) }}</time>
            <time v-else-if="c.kind === 'stamp' && row[c.name]" :datetime="row[c.name]" :title="spaces.ago(row[c.name], now)">{{ spaces.stamp(row[c.name]) }}</time>
            <a v-else-if="row.links && row.links[c.name]" :href="row.links[c.name]" class="figure">{{ c.kind === 'seconds' ? spaces.span(row[c.name]) : spaces.number(row[c.name]) }}</a>
            <span v-else-if="c.kind === 'ms'">{{ row[c.name] == null ? '–' : spaces.span(row[c.name] / 1000) }}</span>
            <span v-else-if="c.kind === 'seconds'">{{ row[c.name] == null ? '–' : spaces.span(row[c.name]) }}</span>
            <span v-else-if="c.kind === 'number'" :class="{ zero: !row[c.name] }">{{ spaces.number(row[c.name]) }}</span>
            <span v-else-if="c.kind === 'bytes'">{{ spaces.bytes(row[c.name]) }}</span>
            <span v-else-if="c.kind === 'tags'" class="tags"><a v-for="t in row[c.name]" :key="t.text" :href="t.href" class="tag">{{ t.text }}</a></span>
            <span v-else-if="c.kind === 'bar' && row[c.name]" class="bar" :title="row[c.name].text">
              <span class="bar-line" aria-hidden="true"><i v-for="p in row[c.name].parts" :key="p.class" :class="p.class" :style="{ width: p.share * 100 + '%' }"></i></span>
              <span class="bar-text">{{ row[c.name].text }}</span>
            </span>
            <span v-else-if="c.kind === 'actions'" class="actions">
              <button v-for="a in row[c.name]" :key="a.name" type="button" class="btn small" :class="a.class"
                      @click.stop="$emit('act', { id: row.id, name: a.name })">{{ a.label }}</button>
            </span>
            <span v-else>{{ row[c.name] == null || row[c.name] === '' ? '–' : row[c.name] }}</span>
          </td>
        </tr>
        <tr v-if="goesOn(row)" class="below" :class="row.tone">
          <td :colspan="beside.length + (selectable ? 1 : 0)">
            <div class="row-line">
              <span v-if="row.below" class="muted">{{ row.below }}</span>
              <span class="actions">
                <button v-for="a in row[below.name]" :key="a.name" type="button" class="btn small" :class="a.class"
                        @click.stop="$emit('act', { id: row.id, name: a.name })">{{ a.label }}</button>
              </span>
            </div>
          </td>
        </tr>
        </template>
      </tbody>
    </table>
    <div v-if="rows === null" class="empty"><p>Loading…</p></div>
    <div v-else-if="!rows.length" class="empty">
      <p class="empty-title">{{ empty.title }}</p>
      <p v-if="empty.text">{{ empty.text }}</p>
      <a v-if="empty.href" class="btn" :href="empty.href">{{ empty.action }}</a>
    </div>
  </div>`,
  props: { columns: Array, rows: Array, selectable: Boolean, label: String, empty: Object, steer: Boolean, tight: Boolean, order: Object },
  emits: ["pick", "act", "sort"],
  data() {
    return { now: Date.now(), picked: new Set(), at: -1, last: null, spaces: window.spaces };
  },
  computed: {
    below() {
      return this.columns.find((each) => each.class === "below");
    },
    beside() {
      return this.columns.filter((each) => each !== this.below);
    },
    sortable() {
      return this.columns.filter((each) => each.sort);
    },
    all() {
      return this.rows.length > 0 && this.rows.every((row) => this.picked.has(row.id));
    },
    some() {
      return this.picked.size > 0;
    },
  },
  mounted() {
    this.ticking = setInterval(() => (this.now = Date.now()), 1000);
    if (this.steer) addEventListener("spaces-key", this.key);
  },
  unmounted() {
    clearInterval(this.ticking);
    removeEventListener("spaces-key", this.key);
  },
  methods: {
    sorted(column) {
      if (this.order?.by !== column.sort) return "none";
      return this.order.descending ? "descending" : "ascending";
    },
    goesOn(row) {
      return this.below && Boolean(row.below || row[this.below.name].length);
    },
    patch(changed, marked = true) {
      const byId = new Map(changed.map((row) => [row.id, row]));
      for (const row of this.rows) {
        const news = byId.get(row.id);
        if (!news) continue;
        Object.assign(row, news);
        if (!marked) continue;
        row.fresh = false;
        requestAnimationFrame(() => (row.fresh = true));
      }
    },
    // Rows in another order: those that are new or have changed, and of the others what is there already. One that is not
    // there any more has gone with a later answer, which was sent whole and came first.
    arrange(order, changed) {
      this.patch(changed, false);
      const known = new Map([...changed, ...this.rows].map((row) => [row.id, row]));
      this.rows.splice(0, this.rows.length, ...order.map((id) => known.get(id)).filter(Boolean));
    },
    click(event, row) {
      if (!row.href || event.target.closest("a, button, input, label") || String(getSelection())) return;
      if (event.ctrlKey || event.metaKey) open(row.href, "_blank");
      else location.href = row.href;
    },
    pick(place, event) {
      const wanted = event.target.checked;
      const from = event.shiftKey && this.last !== null ? Math.min(this.last, place) : place;
      const to = event.shiftKey && this.last !== null ? Math.max(this.last, place) : place;
      for (const row of this.rows.slice(from, to + 1)) this.picked[wanted ? "add" : "delete"](row.id);
      this.last = place;
      this.tell();
    },
    pickAll(wanted) {
      this.picked = new Set(wanted ? this.rows.map((row) => row.id) : []);
      this.tell();
    },
    unpick() {
      this.picked = new Set();
    },
    tell() {
      this.picked = new Set(this.picked);
      this.$emit("pick", [...this.picked]);
    },
    key(event) {
      const steps = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 };
      const row = this.rows[this.at];
      if (event.detail in steps) {
        this.at = Math.max(0, Math.min(this.rows.length - 1, this.at + steps[event.detail]));
        this.$nextTick(() => this.$el.querySelector("tr.at")?.scrollIntoView({ block: "nearest" }));
      } else if (event.detail === "x" && this.selectable && row) {
        this.picked[this.picked.has(row.id) ? "delete" : "add"](row.id);
        this.tell();
      } else if (event.detail === "Enter" && row?.href) location.href = row.href;
      else return;
      event.preventDefault();
    },
  },
};
